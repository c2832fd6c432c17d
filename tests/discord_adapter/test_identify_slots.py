"""IDENTIFYs of one process wait for their turn."""

from __future__ import annotations

import asyncio
import logging
from unittest.mock import AsyncMock, Mock

import pytest

from discord_adapter.identify_slots import LocalSlots
from discord_adapter.shard_connection import IdentifyTurns
from relay.cluster.identify_pacing import SPACING_S, SessionStartLimit
from relay.tasks import end_tasks
from tests.clock import ManualClock
from tests.idle import until_idle


class Slots(LocalSlots):
    """Records each wait, and either advances the clock at once or never."""

    def __init__(self, *, passes: bool = True) -> None:
        self.clock = ManualClock()
        self.waits: list[float] = []
        self._passes = passes
        super().__init__(self.clock.monotonic, self._wait)

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self._passes:
            self.clock.forward(seconds)


def limit(remaining: int = 1000, concurrency: int = 1) -> SessionStartLimit:
    return SessionStartLimit(1000, remaining, 3600.0, concurrency)


async def test_the_first_is_allowed_at_once_and_the_next_are_spaced() -> None:
    slots = Slots()
    assert [await slots.take(shard_id, limit()) for shard_id in range(3)] == [True] * 3
    assert slots.waits == pytest.approx([SPACING_S] * 2)


async def test_simultaneous_requests_are_spaced() -> None:
    slots = Slots(passes=False)
    for shard_id in range(3):
        await slots.take(shard_id, limit())
    assert slots.waits == pytest.approx([SPACING_S, 2 * SPACING_S])


async def test_each_bucket_has_its_own_turn() -> None:
    slots = Slots()
    for shard_id in range(4):
        await slots.take(shard_id, limit(concurrency=4))
    assert slots.waits == []


def _gateway(remaining: int) -> dict[str, object]:
    start_limit = {"total": 1000, "remaining": remaining, "reset_after": 3_600_000, "max_concurrency": 1}
    return {"url": "wss://gateway.discord.gg", "shards": 1, "session_start_limit": start_limit}


async def test_a_shard_that_waited_for_its_slot_leaves_the_last_identifies_too() -> None:
    """Others may have used what was left before it began to wait."""
    client = Mock()
    client.http.request = AsyncMock(side_effect=[_gateway(remaining) for remaining in (6, 5, 5, 1000)])
    seen: list[int] = []

    async def take_slot(_shard_id: int, limit: SessionStartLimit) -> bool:
        seen.append(limit.remaining)
        return limit.remaining > 5

    await IdentifyTurns(client, take_slot, ManualClock().monotonic).wait(0)
    assert seen == [6, 5, 1000]


async def test_shards_that_wait_for_their_slots_do_not_take_it_from_the_first() -> None:
    """Those that wait have used nothing yet."""
    clock, client = ManualClock(), Mock()

    async def asked(_route: object) -> dict[str, object]:
        await asyncio.sleep(0)
        return _gateway(7)

    client.http.request = asked
    turns = IdentifyTurns(client, LocalSlots(clock.monotonic, clock.sleep).take, clock.monotonic)
    waiting = [asyncio.create_task(turns.wait(shard_id)) for shard_id in range(3)]
    await until_idle()
    assert [task.done() for task in waiting] == [True, False, False]
    await end_tasks(waiting)


async def test_the_last_identifies_of_a_day_are_never_used(caplog: pytest.LogCaptureFixture) -> None:
    slots = Slots()
    assert not await slots.take(2, limit(remaining=5))
    assert slots.waits == [3600.0]
    (told,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told == "Discord takes only 5 more log-ins of this bot today; shard 2 waits for 3600 s"
    assert await slots.take(2, limit())
