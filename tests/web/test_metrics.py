"""What Prometheus reads."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from pixverse.api_errors import NotFoundUnproven, TokenRefused, Unavailable
from relay.callbacks.callback_processor import CallbackUse
from relay.changes import Changes
from relay.cluster.identify_pacing import SessionStartLimit
from relay.polling.job_queue import Polls
from relay.write_availability import WriteAvailability
from settings import VERSION
from storage import jobs
from storage.database import Database, Queries, open_reader
from storage.engines.interface import Row, SqlValue
from storage.errors import StorageUnavailable
from storage.figures import Figures
from tests.clock import HastyClock, ManualClock
from tests.web.port import FakeRequest
from tests.web.samples import read
from web.database_figures import DatabaseFigures
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import PrometheusMeters

SOURCES = Sources(
    polls=lambda: Polls(jobs=9, due=3, late=1, longest=30.5),
    posts=lambda: {"Done": 4, "Again": 1},
    hints=lambda: {CallbackUse.ASKED: 2},
    failures=lambda: {"poll": 1},
    crashes=lambda: {"poll": 2},
    loop_ages=lambda: {"poll": 0.5},
    gateway_away=lambda: 0.0,
    gateway_latency=lambda: math.nan,
    api_away=lambda: 7.0,
    shards=lambda: 8,
    shards_held=lambda: [7, 0, 2, 3, 4],
    accounts_held=lambda: [1, 4, 6],
    lease_moves=lambda: {"shards": 2, "accounts": 9},
    identifies=lambda: SessionStartLimit(total=1000, remaining=940, reset_after_s=60.0, max_concurrency=1),
)


@pytest.fixture
def clock() -> ManualClock:
    return HastyClock(1_000_000, 1000.0)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "relay.db")
    yield opened
    await opened.close()


async def _add_job(database: Database, jobid: str) -> None:
    async with database.transaction() as tx:
        await tx.run("INSERT OR IGNORE INTO accounts (id, account_key, state_since) VALUES (1, 'a', 0)")
        await jobs.add(tx, 1, jobid, '{"state": "progress"}', 0)


async def test_a_scrape_contains_what_the_bot_knows_about_itself(database: Database, clock: ManualClock) -> None:
    await _add_job(database, "job")
    registry = CollectorRegistry()
    report = MetricsReport(
        registry,
        LiveFigures(SOURCES),
        DatabaseFigures(database.reader, clock),
        WriteAvailability(database, Changes(), clock),
    )
    response = await report.answer(FakeRequest())
    assert response.content_type.startswith("text/plain; version=")
    samples = read(response.body.decode())
    expected = {
        "relay_database_takes_writes": 1,
        "relay_polls": 9,
        "relay_polls_due": 3,
        "relay_polls_late": 1,
        "relay_poll_longest_wait_seconds": 30.5,
        'relay_posts_total{result="Done"}': 4,
        'relay_callback_hints_total{use="asked"}': 2,
        'relay_callback_hints_total{use="unknown"}': 0,
        'relay_loop_failures_total{loop="poll"}': 1,
        'relay_loop_crashes_total{loop="poll"}': 2,
        'relay_loop_seconds_since_turn{loop="poll"}': 0.5,
        "relay_api_away_seconds": 7,
        "relay_shards": 8,
        "relay_shards_held": 5,
        'relay_shard_held{shard="0"}': 1,
        'relay_shard_held{shard="1"}': None,
        'relay_shard_held{shard="7"}': 1,
        "relay_accounts_held": 3,
        'relay_lease_moves_total{of="shards"}': 2,
        'relay_lease_moves_total{of="accounts"}': 9,
        "relay_identifies_left": 940,
        "relay_identifies_allowed": 1000,
        f'relay_build_info{{version="{VERSION}"}}': 1,
        'relay_jobs_open{state="progress"}': 1,
        'relay_deliveries_open{state="waiting"}': 0,
        'relay_delivery_oldest_seconds{state="waiting"}': 0,
    }
    assert {name: samples.get(name) for name in expected} == expected
    assert math.isnan(samples["relay_gateway_latency_seconds"])


async def test_the_database_is_counted_at_most_every_half_minute(database: Database, clock: ManualClock) -> None:
    figures = DatabaseFigures(database.reader, clock)
    registry = CollectorRegistry()
    registry.register(figures)

    async def open_jobs() -> float | None:
        await figures.refresh()
        return registry.get_sample_value("relay_jobs_open", {"state": "progress"})

    assert await open_jobs() is None
    await _add_job(database, "one")
    clock.forward(29)
    assert await open_jobs() is None
    clock.forward(1)
    assert await open_jobs() == 1


class _SlowReader(Queries):
    """Each question takes a second."""

    def __init__(self, inner: Queries, clock: ManualClock) -> None:
        self.dialect = inner.dialect
        self._inner = inner
        self._clock = clock
        self.asked = 0

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        self.asked += 1
        self._clock.forward(1)
        return await self._inner.all(sql, parameters)


async def test_slow_counts_are_made_less_often(database: Database, clock: ManualClock) -> None:
    reader = _SlowReader(database.reader, clock)
    figures = DatabaseFigures(reader, clock)
    await figures.refresh()
    questions = reader.asked
    clock.forward(100 * questions - 1)
    await figures.refresh()
    assert reader.asked == questions
    clock.forward(1)
    await figures.refresh()
    assert reader.asked == 2 * questions


async def test_an_unreadable_database_costs_only_its_figures(
    database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "empty.db").touch()
    async with open_reader(tmp_path / "empty.db") as reader:
        registry = CollectorRegistry()
        writes = WriteAvailability(database, Changes(), clock)
        report = MetricsReport(registry, LiveFigures(SOURCES), DatabaseFigures(reader, clock), writes)
        response = await report.answer(FakeRequest())
    samples = read(response.body.decode())
    assert samples["relay_polls_due"] == 3
    assert not any(name.startswith("relay_jobs_open") for name in samples)


async def test_figures_that_can_no_longer_be_read_are_dropped(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_queries: Queries) -> Figures:
        raise StorageUnavailable("database is locked")

    figures = DatabaseFigures(database.reader, clock)
    await figures.refresh()
    assert list(figures.collect()) != []
    monkeypatch.setattr("storage.figures.read", fail)
    clock.forward(1000)
    await figures.refresh()
    assert list(figures.collect()) == []


def test_what_is_counted_while_the_bot_works() -> None:
    registry = CollectorRegistry()
    meters = PrometheusMeters(registry)
    meters.api_answered(None, 0.2)
    meters.api_answered(TokenRefused("no"), 0.2)
    meters.api_answered(Unavailable("no whole answer in time"), 15.0)
    meters.api_answered(NotFoundUnproven("not found"), 0.2)
    meters.discord_answered(200, None, 0.0)
    meters.discord_answered(429, "global", 2.5)
    meters.download_ended("file", 3.0, 1000)
    meters.download_ended("expired", 0.1, 0)
    samples = read(generate_latest(registry).decode())
    expected = {
        'relay_api_request_seconds_count{outcome="answered"}': 1,
        'relay_api_request_seconds_count{outcome="token refused"}': 1,
        'relay_api_request_seconds_count{outcome="no answer"}': 2,
        'relay_api_request_seconds_count{outcome="unpaid"}': 0,
        'relay_discord_answers_total{status="2xx"}': 1,
        'relay_discord_answers_total{status="4xx"}': 1,
        'relay_discord_rate_limits_total{limit="global"}': 1,
        'relay_discord_rate_limits_total{limit="user"}': 0,
        'relay_discord_rate_limit_wait_seconds_total{limit="global"}': 2.5,
        'relay_download_seconds_count{ending="file"}': 1,
        'relay_download_seconds_count{ending="expired"}': 1,
        "relay_download_bytes_total": 1000,
    }
    assert {name: samples.get(name) for name in expected} == expected


@given(st.lists(st.tuples(st.integers(), st.text(max_size=20) | st.none()), max_size=50))
def test_no_response_can_make_up_a_label(answers: list[tuple[int, str | None]]) -> None:
    registry = CollectorRegistry()
    meters = PrometheusMeters(registry)
    for status, limit in [*answers, *((429, limit) for _, limit in answers)]:
        meters.discord_answered(status, limit, 1.0)
    labels = {
        (name, value)
        for family in registry.collect()
        if family.name.startswith("relay_discord")
        for sample in family.samples
        for name, value in sample.labels.items()
    }
    assert len(labels) <= 6 + 4
