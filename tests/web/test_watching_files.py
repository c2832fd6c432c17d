"""The alert rules and the dashboard speak of metrics that there are."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.changes import Changes
from relay.cluster.identify_pacing import SCARCE, SessionStartLimit
from relay.polling.job_queue import Polls
from relay.write_availability import WriteAvailability
from settings import load_settings
from storage.database import Database
from tests.clock import HastyClock
from tests.web.port import FakeRequest
from tests.web.samples import read
from web.database_figures import DatabaseFigures
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import Instruments

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
_FILES = ("prometheus/alerts.yml", "grafana/dashboard.json", "../docs/watching.md")
_WATCHING = _DEPLOY.parent / "docs/watching.md"
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
        shards_held=lambda: [0],
        accounts_held=lambda: [1],
        lease_moves=lambda: {"shards": 1, "accounts": 1},
        identifies=lambda: SessionStartLimit(total=1000, remaining=940, reset_after_s=60.0, max_concurrency=1),
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
        response = await report.answer(FakeRequest())
    finally:
        await database.close()
    return {name.partition("{")[0] for name in read(response.body.decode())}


@pytest.mark.parametrize("file", _FILES)
async def test_each_named_metric_is_scraped(file: str, tmp_path: Path) -> None:
    named = set(_METRIC.findall((_DEPLOY / file).read_text()))
    scraped = await _scraped_names(tmp_path)
    assert len(named) > 8
    assert {name for name in named if name not in scraped and f"{name}_count" not in scraped} == set()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_the_alerts_about_several_processes_fire_when_they_should() -> None:
    command = ["promtool", "test", "rules", str(Path(__file__).with_name("alerts.yml"))]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    "expression",
    [
        "sum by (job) (relay_shards_held) < max by (job) (relay_shards)",
        f"min by (job) (relay_identifies_left) < {SCARCE} * max by (job) (relay_identifies_allowed)",
    ],
)
def test_an_alert_uses_the_limits_of_the_code(expression: str) -> None:
    lines = (_DEPLOY / "prometheus/alerts.yml").read_text().splitlines()
    assert f"        expr: {expression}" in lines


def test_the_page_names_every_alert_with_its_severity() -> None:
    text = (_DEPLOY / "prometheus/alerts.yml").read_text()
    alerts = re.findall(r"- alert: (\w+)\n(?:.*\n)*?        labels: {severity: (\w+)}", text)
    assert len(alerts) == text.count("- alert: ")
    (row,) = re.findall(r"(?m)^\| page \| ticket \|\n\|---\|---\|\n\| (.*) \| (.*) \|$", _WATCHING.read_text())
    told = {
        name: severity
        for severity, names in zip(("page", "ticket"), row, strict=True)
        for name in re.findall(r"`(\w+)`", names)
    }
    assert told == dict(alerts)


def test_the_dashboard_is_complete() -> None:
    panels = json.loads((_DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(target["expr"] for panel in panels for target in panel["targets"])
