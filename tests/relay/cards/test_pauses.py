from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path

import pytest

from model.messages import CardPost
from model.states import CardStatus
from relay.cards.pauses import Pauses
from storage.errors import StorageUnavailable
from tests.clock import ManualClock
from tests.relay.cards.test_cards import CardWorld
from tests.relay.delivery.test_outbox import WakingClock

CHANNEL = 5


class Steps(ManualClock):
    """Every sleep is over at once, and does the next of `then`."""

    def __init__(self, *then: Callable[[], object]) -> None:
        super().__init__()
        self.then = list(then)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.then.pop(0)()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CardWorld]:
    made = CardWorld(tmp_path / "relay.db", clock=WakingClock())
    await made.begin()
    yield made
    await made.halt()
    await made.stop()


async def test_a_full_disk_is_noticed_by_whoever_writes(world: CardWorld) -> None:
    assert not world.database.refused.is_set()
    # The file may not grow: SQLite then says what it says of a full disk.
    (pages,) = await world.database.reader.all("PRAGMA page_count")
    await world.database._engine.writer.rows(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageUnavailable, match="full"):
        async with world.database.transaction() as tx:
            await tx.run("INSERT INTO meta (name, value) VALUES ('much', zeroblob(1000000))")
    assert world.database.refused.is_set()


async def test_cards_are_told_at_the_beginning_and_at_the_end(world: CardWorld) -> None:
    await world.database._engine.writer.rows("PRAGMA busy_timeout = 10")
    paused = []
    with closing(sqlite3.connect(world.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def look() -> None:
            paused.append(world.health.paused)

        clock = Steps(look, look, lambda: other.execute("ROLLBACK"))
        await Pauses(world.database, world.changes, world.health, clock).until_over()
    assert clock.slept == [30, 15, 15]
    assert (paused, world.health.paused) == ([False, True], False)
    assert world.heard.writes == 2


async def test_what_is_over_in_a_moment_is_not_told(world: CardWorld) -> None:
    await Pauses(world.database, world.changes, world.health, Steps(lambda: None)).until_over()
    assert world.heard.writes == 0


async def test_an_open_card_says_it_and_takes_it_back_though_nothing_can_be_written(world: CardWorld) -> None:
    await world.card("job")

    def fail() -> None:
        raise StorageUnavailable("database or disk is full")

    world.database.point = fail
    world.health.paused = True
    world.loop.all_changed()
    await world.move(10_000)
    world.live_on()
    world.health.paused = False
    world.loop.all_changed()
    await world.move(40_000)

    statuses = [post.status for _, post in world.discord.edits if isinstance(post, CardPost)]
    assert statuses == [CardStatus.PAUSED, CardStatus.NO_ANSWER_YET]
