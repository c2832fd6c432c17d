"""The wall clock jumps by an hour while the bot runs or is stopped: nothing is lost, doubled or rushed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sandbox.discord_wire import Hold
from tests.e2e.conftest import Build
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import POLL_SECONDS, Harness
from tests.e2e.machine_faults.clock import WallClock
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HOUR = 3600
_FEW = 1


@pytest.mark.parametrize("jump", [-_HOUR, _HOUR], ids=["back", "ahead"])
async def test_a_clock_that_jumps_an_hour(build: Build, tmp_path: Path, jump: int) -> None:
    clock = WallClock(tmp_path / "clock")
    harness = await build(**clock.settings)
    await harness.start()
    servers = [await harness.server(generation) for generation in ("v1", "v2")]
    asking = [await server.watched() for server in servers]

    killed = [await harness.server(generation) for generation in ("v1", "v2")]
    holds = [await _at_the_outcome(server) for server in killed]
    clock.set(jump)
    began, before = time.monotonic(), [harness.pixverse.asked(job) for job in asking]
    await harness.pixverse.until(
        lambda: all(harness.pixverse.asked(job) > known + _FEW for job, known in zip(asking, before, strict=True)), 20
    )
    intervals = (time.monotonic() - began) / POLL_SECONDS
    for job, known in zip(asking, before, strict=True):
        assert harness.pixverse.asked(job) - known <= intervals + 2

    await harness.kill()
    harness.discord.forget_nonces()
    for hold in holds:
        hold.release.set()
    await harness.start()
    assert abs(_logged_at(harness) - time.time() - jump) < _HOUR / 2
    for server in killed:
        await _there_once(server)

    clock.set(0)
    for job in asking:
        job.complete()
    for server in servers:
        await _there_once(server)
    assert harness.bot.said("Traceback") == []


async def _there_once(server: GuildFixture) -> None:
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert server.harness.ledger.outcome_states(server.channel.id) == ["posted"]


def _logged_at(harness: Harness) -> float:
    """The time of the bot's last log line."""
    stamp = harness.bot.said(r"^\d{4}-\d\d-\d\d ")[-1][:19]
    return time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S"))


async def _at_the_outcome(server: GuildFixture) -> Hold:
    """Holds the response to an outcome that Discord has stored."""
    hold = Hold()
    server.harness.discord.faults.add(
        method="POST", path=f"/channels/{server.channel.id}/messages", when="after", action=hold, match=is_outcome
    )
    (await server.watched()).complete()
    await until(hold.reached.is_set)
    return hold
