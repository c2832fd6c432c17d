"""When the bot counts as failing, and what it then says."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.failures import LoopCrashes
from storage.database import Database
from tests.clock import HastyClock, ManualClock
from tests.web.port import Asked
from web.health import (
    LONGEST_WITHOUT_GATEWAY,
    STALLED_AFTER,
    HealthReport,
    Heartbeats,
    Vitals,
    WriteProbe,
    reasons,
    stalled,
)

WELL = Vitals(loops={"poll": 1.0, "cards": STALLED_AFTER}, takes_writes=True, gateway_away=LONGEST_WITHOUT_GATEWAY)


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


def test_at_the_bounds_all_is_well() -> None:
    assert reasons(WELL) == []


@pytest.mark.parametrize(
    ("vitals", "words"),
    [
        (Vitals({"poll": 1.0, "cards": STALLED_AFTER + 1}, True, 0.0), "the cards loop"),
        (Vitals({}, False, 0.0), "the database takes no write"),
        (Vitals({}, True, LONGEST_WITHOUT_GATEWAY + 1), "gateway has been away for 601 s"),
    ],
)
def test_each_trouble_has_its_reason(vitals: Vitals, words: str) -> None:
    (reason,) = reasons(vitals)
    assert words in reason


def test_loops_that_have_not_begun_do_not_stand(clock: ManualClock) -> None:
    heartbeats = Heartbeats({"poll": lambda: 0.0}, LoopCrashes(), clock.monotonic)
    clock.forward(STALLED_AFTER * 10)
    assert heartbeats.ages() == {}
    heartbeats.begin()
    assert stalled(heartbeats.ages()) == []
    clock.forward(STALLED_AFTER + 1)
    assert stalled(heartbeats.ages()) == ["poll"]


def test_a_loop_that_turns_does_not_stand(clock: ManualClock) -> None:
    turned = [0.0]
    heartbeats = Heartbeats({"poll": lambda: turned[0]}, LoopCrashes(), clock.monotonic)
    heartbeats.begin()
    clock.forward(STALLED_AFTER + 1)
    turned[0] = clock.monotonic()
    assert stalled(heartbeats.ages()) == []


def test_a_loop_that_crashes_again_and_again_stands_though_it_turns(clock: ManualClock) -> None:
    crashes = LoopCrashes()
    heartbeats = Heartbeats({"poll": clock.monotonic, "cards": clock.monotonic}, crashes, clock.monotonic)
    heartbeats.begin()
    began_at = clock.monotonic()
    while clock.monotonic() - began_at <= STALLED_AFTER:
        clock.forward(crashes.crashed("poll", clock.monotonic(), clock.monotonic(), ValueError("a fault")))
    assert stalled(heartbeats.ages()) == ["poll"]
    assert heartbeats.crashes() == {"poll": 7}
    clock.forward(60)
    assert stalled(heartbeats.ages()) == []


async def test_a_locked_database_takes_no_write_until_it_is_free(database: Database, clock: ManualClock) -> None:
    probe = WriteProbe(database, clock)
    assert await probe.takes_writes()
    clock.forward(30)
    with _locked(database):
        assert not await probe.takes_writes()
    clock.forward(2)
    assert await probe.takes_writes()


async def test_nobody_waits_long_for_a_database_that_hangs(tmp_path: Path, clock: ManualClock) -> None:
    database = await Database.open(tmp_path / "hangs.db", busy_seconds=2)
    probe = WriteProbe(database, clock, patience=0.05)
    with _locked(database):
        async with asyncio.timeout(1):
            assert await asyncio.gather(*(probe.takes_writes() for _ in range(20))) == [False] * 20
    await probe.close()
    await database.close()


async def test_asking_often_writes_once(database: Database, clock: ManualClock) -> None:
    probe = WriteProbe(database, clock)
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


@pytest.mark.parametrize(("away", "status", "word"), [(0.0, 200, "ok"), (700.0, 503, "failing")])
async def test_the_answer(database: Database, clock: ManualClock, away: float, status: int, word: str) -> None:
    report = HealthReport(Heartbeats({}, LoopCrashes(), clock.monotonic), WriteProbe(database, clock), lambda: away)
    response = await report.answer(Asked())
    body = json.loads(response.body)
    assert (response.status, body["status"]) == (status, word)
    assert len(body["reasons"]) == (word == "failing")
    assert body["seconds_without_gateway"] == away
