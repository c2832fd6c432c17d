from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from relay.delivery.delivery_loop import unlocked


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _fetch(lock: asyncio.Lock, gate: asyncio.Event, course: list[str]) -> None:
    async with AsyncExitStack() as held:
        await held.enter_async_context(lock)
        async with unlocked(lock, held):
            await gate.wait()
        course.append("fetched")


async def test_giving_up_a_channel_goes_to_the_back_of_the_line() -> None:
    lock, gate, course = asyncio.Lock(), asyncio.Event(), list[str]()
    task = asyncio.create_task(_fetch(lock, gate, course))
    await _settle()
    async with lock:
        gate.set()
        await _settle()
        assert course == []
    await task
    assert course == ["fetched"]
    assert not lock.locked()


@pytest.mark.parametrize("fetched", [False, True], ids=["while it fetches", "while it waits for the channel"])
async def test_cancelling_takes_no_turn_from_others(fetched: bool) -> None:
    lock, gate = asyncio.Lock(), asyncio.Event()
    task = asyncio.create_task(_fetch(lock, gate, []))
    await _settle()
    async with lock:
        if fetched:
            gate.set()
            await _settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lock.locked()
