"""A machine whose clock is days ahead, and one that was away while a job ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.pixverse_api.v2 import record_of
from tests.e2e.conftest import Build
from tests.e2e.machine_faults.clock import WallClock

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TWO_DAYS = 2 * 86_400
_HALF_AN_HOUR = 1800


async def test_a_clock_two_days_ahead_makes_no_link_expired(build: Build, tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock")
    clock.set(_TWO_DAYS)
    harness = await build(**clock.settings)
    await harness.start()
    servers = [await harness.server(generation) for generation in ("v1", "v2")]
    for server in servers:
        job = await server.watched()
        job.complete()
        outcome = await server.outcome()
        assert outcome.text.startswith("**Your video is ready.**")
        assert [file.content for file in outcome.attachments] == [job.videos[0].content]

    gone = servers[0].guild.add_text_channel("gone")
    job = servers[0].job()
    job.complete(link_seconds=-60)
    await servers[0].status(job, channel=gone)
    assert (await servers[0].outcome(gone)).text.startswith("**Your video's link has expired.**")


@pytest.mark.parametrize("told", [False, True], ids=["no time", "a time"])
async def test_a_v2_job_that_ended_while_the_bot_was_off_is_late(build: Build, tmp_path: Path, told: bool) -> None:
    """The clock of the first process is an hour behind, so that for the second one an hour has passed."""
    clock = WallClock(tmp_path / "clock")
    clock.set(-2 * _HALF_AN_HOUR)
    harness = await build(**clock.settings)
    await harness.start()
    server = await harness.server("v2")
    job = await server.watched()
    job.set("progress")
    await server.card_says("**In progress")
    await harness.stop()
    job.complete()
    ended = datetime.now(UTC) - timedelta(seconds=_HALF_AN_HOUR)
    job.raw = record_of(job) | ({"updated_at": ended.isoformat()} if told else {})
    clock.set(0)
    await harness.start()
    outcome = await server.outcome()
    assert len(outcome.attachments) == 1
    assert ("Late: it ended <t:" in outcome.text) is told
    assert "Late:" in outcome.text
    assert "This bot was offline." in outcome.text
