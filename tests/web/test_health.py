"""When the bot counts as failing, and what it then says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.changes import Changes
from relay.failures import LoopCrashes
from relay.write_availability import WriteAvailability
from storage.database import Database
from tests.clock import HastyClock, ManualClock
from tests.web.port import FakeRequest
from web.health import (
    LONGEST_WITHOUT_GATEWAY,
    LONGEST_WITHOUT_LEASE,
    STALLED_AFTER,
    HealthReport,
    Heartbeats,
    reasons,
    stalled,
)


@pytest.fixture
def clock() -> ManualClock:
    return HastyClock(1_000_000, 1000.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "relay.db", busy_seconds=0.05)
    yield opened
    await opened.close()


def test_at_the_limits_all_is_well() -> None:
    loops = {"poll": 1.0, "cards": STALLED_AFTER}
    assert (
        reasons(
            loops,
            takes_writes=True,
            gateway_away=LONGEST_WITHOUT_GATEWAY,
            without_lease=LONGEST_WITHOUT_LEASE,
        )
        == []
    )


@pytest.mark.parametrize(
    ("loops", "takes_writes", "gateway_away", "without_lease", "words"),
    [
        ({"poll": 1.0, "cards": STALLED_AFTER + 1}, True, 0.0, 0.0, "the cards loop"),
        ({}, False, 0.0, 0.0, "the database takes no write"),
        ({}, True, LONGEST_WITHOUT_GATEWAY + 1, 0.0, "gateway has been away for 601 s"),
        ({}, True, 0.0, LONGEST_WITHOUT_LEASE + 1, "no lease in the database for 121 s"),
    ],
)
def test_each_problem_has_its_reason(
    loops: dict[str, float], takes_writes: bool, gateway_away: float, without_lease: float, words: str
) -> None:
    (reason,) = reasons(loops, takes_writes=takes_writes, gateway_away=gateway_away, without_lease=without_lease)
    assert words in reason


def test_loops_that_have_not_started_have_not_stalled(clock: ManualClock) -> None:
    heartbeats = Heartbeats({"poll": lambda: 0.0}, LoopCrashes(), clock.monotonic)
    clock.forward(STALLED_AFTER * 10)
    assert heartbeats.ages() == {}
    heartbeats.begin()
    assert stalled(heartbeats.ages()) == []
    clock.forward(STALLED_AFTER + 1)
    assert stalled(heartbeats.ages()) == ["poll"]


def test_a_loop_that_turns_has_not_stalled(clock: ManualClock) -> None:
    turned = [0.0]
    heartbeats = Heartbeats({"poll": lambda: turned[0]}, LoopCrashes(), clock.monotonic)
    heartbeats.begin()
    clock.forward(STALLED_AFTER + 1)
    turned[0] = clock.monotonic()
    assert stalled(heartbeats.ages()) == []


def test_a_loop_that_keeps_crashing_has_stalled_even_if_it_turns(clock: ManualClock) -> None:
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


@pytest.mark.parametrize(("away", "status", "word"), [(0.0, 200, "ok"), (700.0, 503, "failing")])
async def test_the_response(database: Database, clock: ManualClock, away: float, status: int, word: str) -> None:
    report = HealthReport(
        Heartbeats({}, LoopCrashes(), clock.monotonic),
        WriteAvailability(database, Changes(), clock),
        lambda: away,
        lambda: 0.5,
        lambda: frozenset({5, 2}),
        lambda: range(250, 0, -1),
    )
    response = await report.answer(FakeRequest())
    body = json.loads(response.body)
    assert (response.status, body["status"]) == (status, word)
    assert len(body["reasons"]) == (word == "failing")
    assert (body["seconds_without_gateway"], body["seconds_without_lease"]) == (away, 0.5)
    assert body["shards"] == [2, 5]
    assert (body["accounts_held"], body["accounts"]) == (250, list(range(1, 101)))
