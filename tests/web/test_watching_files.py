"""The alert rules and the dashboard speak of metrics that there are."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import pytest

from relay.changes import Changes
from relay.polling.job_queue import Polls
from relay.write_availability import WriteAvailability
from settings import load_settings
from storage.database import Database
from tests.clock import HastyClock
from tests.web.port import Asked
from tests.web.samples import read
from web.database_figures import DatabaseFigures
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import Instruments

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_FILES = ("prometheus/alerts.yml", "grafana/dashboard.json", "../docs/watching.md")
_METRIC = re.compile(r"\b(?:relay|process)_[a-z_]+\b")


async def _scraped_names(folder: Path) -> set[str]:
    """The names of the samples in a scrape of a bot in which everything has happened once."""
    clock = HastyClock(1_000_000, 1000.0)
    settings = load_settings({"DISCORD_TOKEN": "MTA.abc.def", "HTTP_PORT": "8080"}, None, folder)
    instruments = Instruments.of(settings)
    instruments.meters.discord_answered(429, "user", 1.0)
    instruments.meters.download_ended("file", 1.0, 1)
    sources = Sources(
        polls=lambda: Polls(1, 1, 1, 1.0),
        posts=lambda: {"Done": 1},
        hints=dict,
        failures=lambda: {"poll": 1},
        crashes=lambda: {"poll": 2},
        loop_ages=lambda: {"poll": 1.0},
        gateway_away=lambda: 0.0,
        gateway_latency=lambda: math.nan,
        api_away=lambda: 0.0,
        shards=lambda: 2,
        shards_held=lambda: 1,
        accounts_held=lambda: 1,
    )
    database = await Database.open(folder / "relay.db")
    try:
        async with database.transaction() as tx:
            await tx.run("INSERT INTO accounts (id, account_key, token, state_since) VALUES (1, 'a', 'x', 0)")
            await tx.run("INSERT INTO jobs (account_id, jobid, watched_since, changed_at) VALUES (1, 'a', 0, 0)")
        figures = DatabaseFigures(database.reader, clock)
        report = MetricsReport(
            instruments.registry, LiveFigures(sources), figures, WriteAvailability(database, Changes(), clock)
        )
        response = await report.answer(Asked())
    finally:
        await database.close()
    return {name.partition("{")[0] for name in read(response.body.decode())}


@pytest.mark.parametrize("file", _FILES)
async def test_each_metric_that_is_named_is_scraped(file: str, tmp_path: Path) -> None:
    named = set(_METRIC.findall((_DEPLOY / file).read_text()))
    scraped = await _scraped_names(tmp_path)
    assert len(named) > 8
    assert {name for name in named if name not in scraped and f"{name}_count" not in scraped} == set()


def test_the_dashboard_is_whole() -> None:
    panels = json.loads((_DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
