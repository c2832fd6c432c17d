"""A loop that crashes is restarted, ever later, and its log stays readable."""

from __future__ import annotations

import asyncio
import logging
from itertools import pairwise

import pytest

from cogs.background import Background
from relay.failures import LoopCrashes
from tests.clock import ManualClock


async def _run(clock: ManualClock, background: Background, seconds: float) -> None:
    end = clock.monotonic() + seconds
    for _ in range(20):
        await asyncio.sleep(0)
    while (at := clock.earliest()) is not None and at <= end:
        clock.move_to(at)
        for _ in range(20):
            await asyncio.sleep(0)


async def test_a_loop_that_keeps_crashing_restarts_at_most_once_a_minute_with_one_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, starts, crashes = ManualClock(), list[float](), LoopCrashes()

    async def loop() -> None:
        starts.append(clock.monotonic())
        raise ValueError(f"a fault, the {len(starts)}th")

    background = Background({"poll": loop}, crashes, clock)
    with caplog.at_level(logging.INFO):
        await background.cog_load()
        await _run(clock, background, 3600)
        await background.cog_unload()
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert pauses[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert set(pauses[6:]) == {60}
    assert crashes.counts["poll"] == len(starts)
    lines = [record for record in caplog.records if "poll loop" in record.getMessage()]
    assert len(lines) == len(starts)
    assert [record.exc_info is not None for record in lines] == [True, *[False] * (len(lines) - 1)]
    assert "a fault, the 2th" in lines[1].getMessage()


async def test_a_loop_that_had_run_steadily_is_restarted_soon() -> None:
    clock, starts = ManualClock(), list[float]()

    async def loop() -> None:
        starts.append(clock.monotonic())
        await clock.sleep(100)
        raise ValueError

    background = Background({"poll": loop}, LoopCrashes(), clock)
    await background.cog_load()
    await _run(clock, background, 1000)
    await background.cog_unload()
    assert {later - earlier for earlier, later in pairwise(starts)} == {101}


async def test_an_error_of_another_kind_has_its_own_traceback(caplog: pytest.LogCaptureFixture) -> None:
    clock, faults = ManualClock(), iter([ValueError("one"), ValueError("one"), KeyError("two"), KeyError("two")])

    async def loop() -> None:
        raise next(faults)

    background = Background({"poll": loop}, LoopCrashes(), clock)
    await background.cog_load()
    await _run(clock, background, 8)
    await background.cog_unload()
    lines = [record for record in caplog.records if "poll loop" in record.getMessage()]
    assert [record.exc_info is not None for record in lines][:4] == [True, False, True, False]
