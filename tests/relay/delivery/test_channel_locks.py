from __future__ import annotations

import asyncio

import pytest

from relay.delivery.delivery_loop import ChannelLock, ChannelLocks


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_channel_is_used_by_one_at_a_time_in_order_of_arrival() -> None:
    locks = ChannelLocks()
    course: list[str] = []

    async def post(name: str, channel_id: int) -> None:
        async with locks.of(channel_id):
            course.append(f"{name} begins")
            await asyncio.sleep(0)
            course.append(f"{name} ends")

    await asyncio.gather(post("one", 1), post("two", 1))
    assert course == ["one begins", "one ends", "two begins", "two ends"]
    course.clear()
    await asyncio.gather(post("one", 1), post("other", 2))
    assert course[:2] == ["one begins", "other begins"]


async def test_releasing_a_channel_goes_to_the_back_of_the_line() -> None:
    locks = ChannelLocks()
    gate = asyncio.Event()
    course: list[str] = []

    async def fetch(lock: ChannelLock) -> None:
        async with lock:
            async with lock.released():
                await gate.wait()
            course.append("fetched")

    task = asyncio.create_task(fetch(locks.of(1)))
    await _settle()
    async with locks.of(1):
        gate.set()
        await _settle()
        assert course == []
    await task
    assert course == ["fetched"]


@pytest.mark.parametrize("fetched", [False, True], ids=["while it fetches", "while it waits for the channel"])
async def test_cancelling_takes_no_turn_from_others(fetched: bool) -> None:
    locks = ChannelLocks()
    gate = asyncio.Event()

    async def fetch(lock: ChannelLock) -> None:
        async with lock, lock.released():
            await gate.wait()

    task = asyncio.create_task(fetch(locks.of(1)))
    await _settle()
    async with locks.of(1):
        if fetched:
            gate.set()
            await _settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        other = asyncio.create_task(locks.of(1).__aenter__())
        await _settle()
        assert not other.done()
    await other
