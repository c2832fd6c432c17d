from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.retention import KEPT, Retention
from storage import deliveries
from storage.errors import StorageUnavailable
from tests.clock import ManualClock
from tests.relay.discord_channel import FIRST_DAY
from tests.relay.outbox_fixture import OutboxFixture, completed

CHANNEL = 5
HOUR = 3_600_000


class PassingClock(ManualClock):
    """Every sleep is over at once; the loop is cancelled once it would sleep past `end`."""

    end = 0

    async def sleep(self, seconds: float) -> None:
        self.advance(round(seconds * 1000))
        if self.now() > self.end:
            raise asyncio.CancelledError


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db", clock=PassingClock(FIRST_DAY, 0.0))
    await made.start()
    await made.account()
    for number in range(3):
        await made.watch(f"job-{number}", CHANNEL, users=(9,))
        await made.end(completed(f"job-{number}"))
    await made.pump()
    yield made
    await made.stop()


def _retention(world: OutboxFixture, held: list[int] | None = None) -> Retention:
    async def give_up_on_hold(before: int) -> None:
        if held is not None:
            held.append(before)

    return Retention(world.database, world.clock, give_up_on_hold, lambda _: None)


async def _pass(world: OutboxFixture, retention: Retention, ms: int) -> None:
    assert isinstance(world.clock, PassingClock)
    world.clock.end = world.clock.now() + ms
    with pytest.raises(asyncio.CancelledError):
        await retention.run()


async def _jobs(world: OutboxFixture) -> int:
    return len(await world.database.reader.all("SELECT id FROM jobs"))


async def test_a_job_is_kept_for_31_days_and_no_longer(world: OutboxFixture) -> None:
    retention = _retention(world)
    await _pass(world, retention, KEPT - 2 * HOUR)
    assert await _jobs(world) == 3
    await _pass(world, retention, 2 * HOUR)
    assert await _jobs(world) == 0
    assert retention.failures == 0


async def test_copies_from_before_an_update_are_deleted_too(world: OutboxFixture) -> None:
    copy = world.database.path.with_name("relay.db.before-2")
    copy.touch()
    os.utime(copy, (0, 0))
    await _retention(world).sweep()
    assert not copy.exists()


async def test_notices_are_deleted_however_many_there_are(world: OutboxFixture) -> None:
    async with world.database.transaction() as tx:
        for number in range(250):
            notice_id = await deliveries.add_notice(
                tx, guild_id=1, channel_id=CHANNEL, base_nonce=f"notice {number}", notice_json="{}", now=0
            )
            await deliveries.settle_posted(tx, notice_id, message_id=number, now=world.clock.now())
    world.clock.advance(KEPT)
    assert isinstance(world.clock, PassingClock)
    world.clock.end = world.clock.now() + HOUR
    await _retention(world).sweep()
    assert await world.database.reader.count("deliveries WHERE kind = 'notice'") == 0


async def test_a_failing_database_costs_at_most_an_hour(world: OutboxFixture) -> None:
    failing = [True]

    def fail_once() -> None:
        if failing.pop():
            failing.append(False)
            raise StorageUnavailable("database or disk is full")
        failing.append(False)

    world.clock.advance(KEPT)
    world.database.point = fail_once
    retention = _retention(world)
    await _pass(world, retention, HOUR + 60_000)
    assert await _jobs(world) == 0
    assert retention.failures == 1


async def test_a_job_on_hold_for_a_month_is_given_up(world: OutboxFixture) -> None:
    held: list[int] = []
    await _retention(world, held).sweep()
    assert held == [world.clock.now() - KEPT]
