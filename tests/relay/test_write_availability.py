from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from model.messages import CardPost
from model.states import CardStatus
from relay.changes import Changes
from relay.write_availability import WriteAvailability
from storage.database import Database
from storage.errors import StorageUnavailable
from tests.clock import HastyClock, ManualClock
from tests.relay.cards.test_card_loop import CardLoopFixture
from tests.relay.discord_channel import FIRST_DAY

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
async def world(tmp_path: Path) -> AsyncIterator[CardLoopFixture]:
    made = CardLoopFixture(tmp_path / "relay.db", clock=ManualClock(FIRST_DAY, 0.0))
    await made.begin()
    yield made
    await made.halt()
    await made.stop()


async def test_a_full_disk_is_noticed_by_any_write(world: CardLoopFixture) -> None:
    assert not world.database.refused.is_set()
    # The file may not grow, which SQLite reports like a full disk.
    (pages,) = await world.database.reader.all("PRAGMA page_count")
    await world.database._engine.writer.rows(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StorageUnavailable, match="full"):
        async with world.database.transaction() as tx:
            await tx.run("INSERT INTO meta (name, value) VALUES ('much', zeroblob(1000000))")
    assert world.database.refused.is_set()


async def test_cards_are_notified_at_the_start_and_at_the_end(world: CardLoopFixture) -> None:
    await world.database._engine.writer.rows("PRAGMA busy_timeout = 10")
    paused, since = [], list[int]()
    with closing(sqlite3.connect(world.database.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        def look() -> None:
            paused.append(writes.paused)
            since.append(writes.not_paused_since())

        clock = Steps(look, look, lambda: other.execute("ROLLBACK"))
        writes = WriteAvailability(world.database, world.changes, clock)
        await writes.until_over()
    assert clock.slept == [30, 15, 15]
    assert (paused, writes.paused) == ([False, True], False)
    assert (*since, writes.not_paused_since()) == (0, clock.now(), clock.now())
    assert world.recorded.writes == 2


async def test_a_momentary_failure_is_not_reported(world: CardLoopFixture) -> None:
    await WriteAvailability(world.database, world.changes, Steps(lambda: None)).until_over()
    assert world.recorded.writes == 0


async def test_an_open_card_shows_the_pause_and_its_end_even_without_writes(world: CardLoopFixture) -> None:
    await world.card("job")

    def fail() -> None:
        raise StorageUnavailable("database or disk is full")

    world.database.point = fail
    world.paused = True
    world.loop.all_changed()
    await world.move(10_000)
    world.live_on()
    world.paused = False
    world.loop.all_changed()
    await world.move(40_000)

    statuses = [post.status for _, post in world.discord.edits if isinstance(post, CardPost)]
    assert statuses == [CardStatus.PAUSED, CardStatus.NO_ANSWER_YET]


@pytest.fixture
def clock() -> ManualClock:
    return HastyClock(1_000_000, 1000.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "relay.db", busy_seconds=0.05)
    yield opened
    await opened.close()


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    """Another program holds the database."""
    other = sqlite3.connect(database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def test_a_locked_database_accepts_no_write_until_it_is_free(database: Database, clock: ManualClock) -> None:
    probe = WriteAvailability(database, Changes(), clock)
    assert await probe.takes_writes()
    clock.forward(30)
    with _locked(database):
        assert not await probe.takes_writes()
    clock.forward(2)
    assert await probe.takes_writes()


async def test_nobody_waits_long_for_a_hanging_database(tmp_path: Path, clock: ManualClock) -> None:
    database = await Database.open(tmp_path / "hangs.db", busy_seconds=2)
    probe = WriteAvailability(database, Changes(), clock, patience=0.05)
    with _locked(database):
        async with asyncio.timeout(1):
            assert await asyncio.gather(*(probe.takes_writes() for _ in range(20))) == [False] * 20
    await probe.close()
    await database.close()


async def test_frequent_checks_write_once(database: Database, clock: ManualClock) -> None:
    probe = WriteAvailability(database, Changes(), clock)
    await probe.takes_writes()
    before = await database.reader.one("SELECT value FROM meta WHERE name = 'health'")
    clock.forward(29)
    await probe.takes_writes()
    same = await database.reader.one("SELECT value FROM meta WHERE name = 'health'")
    clock.forward(1)
    await probe.takes_writes()
    later = await database.reader.one("SELECT value FROM meta WHERE name = 'health'")
    assert before is not None
    assert same is not None
    assert later is not None
    assert before[0] == same[0] != later[0]
