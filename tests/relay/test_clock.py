"""Sleeping until a wake-up or a timeout."""

from __future__ import annotations

import asyncio

from relay.clock import SystemClock, sleep_unless_woken

_SOON = 0.001
_NEVER = 3600.0


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_sleep_ends_with_the_time_or_the_event() -> None:
    woken = asyncio.Event()
    await sleep_unless_woken(SystemClock(), _SOON, woken)
    assert not woken.is_set()
    sleeping = asyncio.create_task(sleep_unless_woken(SystemClock(), _NEVER, woken))
    await _turns()
    assert not sleeping.done()
    woken.set()
    await sleeping
    assert not woken.is_set()


async def test_an_event_that_is_already_set_lets_others_run() -> None:
    woken = asyncio.Event()
    woken.set()
    turns: list[str] = []
    other = asyncio.create_task(asyncio.sleep(0))
    other.add_done_callback(lambda _: turns.append("other"))
    for _ in range(3):
        woken.set()
        await sleep_unless_woken(SystemClock(), _NEVER, woken)
    assert turns == ["other"]
    assert not woken.is_set()


async def test_waking_or_cancelling_leaves_no_sleep_behind() -> None:
    woken = asyncio.Event()
    for end in (woken.set, None):
        sleeping = asyncio.create_task(sleep_unless_woken(SystemClock(), _NEVER, woken))
        await _turns()
        if end is None:
            sleeping.cancel()
        else:
            end()
        await asyncio.gather(sleeping, return_exceptions=True)
        await _turns()
        assert not woken.is_set(), "the sleep that is over must wake nobody"
        assert asyncio.all_tasks() == {asyncio.current_task()}
