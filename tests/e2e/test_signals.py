"""SIGTERM and Ctrl-C: running work is finished or safely left for later, and the exit code is 0."""

from __future__ import annotations

import asyncio
import signal

import pytest

from sandbox.discord_wire import Hold
from tests.e2e.api_faults.held import HeldThen
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.stage import Stage
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _at_the_outcome(stage: Stage, server: GuildFixture) -> Hold:
    """Holds the response to an outcome that Discord has stored."""
    job = await server.watched()
    hold = Hold()
    stage.discord.faults.add(
        method="POST",
        path=r"/channels/\d+/messages",
        when="after",
        action=hold,
        match=lambda call: "outcome:details" in str(call.json),
    )
    job.complete()
    await until(hold.reached.is_set)
    return hold


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_at_the_very_start(build: Build, number: signal.Signals) -> None:
    """The signal comes during imports."""
    stage = await build()
    await stage.bot.start(forked=False)
    await stage.bot.hears_signals()
    assert await stage.bot.signal(number) == 0
    assert stage.bot.said("Traceback") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_until_the_very_end(build: Build, number: signal.Signals) -> None:
    stage = await build()
    await stage.start(forked=False)
    assert await stage.bot.signal_until_ended(number) == 0
    assert stage.bot.said("Traceback") == []
    await stage.gone()


async def test_a_signal_while_logging_in(build: Build) -> None:
    stage = await build()
    hold = Hold()
    stage.discord.faults.add(path="/users/@me", action=hold)
    await stage.bot.start()
    await until(hold.reached.is_set)
    assert await stage.bot.stop() == 0
    hold.release.set()
    assert stage.bot.said("Traceback") == []


async def test_a_signal_during_a_delivery(own_stage: Stage) -> None:
    server = await own_stage.server()
    hold = await _at_the_outcome(own_stage, server)
    own_stage.bot.terminate()
    hold.release.set()
    assert await own_stage.bot.ended() == 0
    await own_stage.gone()
    await own_stage.start()
    await server.outcome()
    assert own_stage.bot.said("Traceback") == []


async def test_a_signal_during_a_hanging_delivery(own_stage: Stage) -> None:
    server = await own_stage.server()
    hold = await _at_the_outcome(own_stage, server)
    assert await own_stage.bot.stop() == 0
    hold.release.set()
    await own_stage.gone()
    await own_stage.start()
    await server.outcome()
    assert own_stage.bot.said("Traceback") == []


async def test_a_signal_during_a_command(own_stage: Stage) -> None:
    server = await own_stage.server()
    held = HeldThen()
    own_stage.pixverse.faults.add(held, account=server.account)
    asking = asyncio.create_task(server.status(server.job()))
    await until(held.reached.is_set)
    assert await own_stage.bot.stop() == 0
    held.release.set()
    assert (await asking).text.startswith("**I'm restarting.**")
    assert own_stage.bot.said("Traceback|Session is closed") == []


@pytest.mark.parametrize("path", [r"/interactions/.*", r"/webhooks/.*"], ids=["deferral", "answer"])
async def test_a_signal_during_a_hanging_reply(own_stage: Stage, path: str) -> None:
    server = await own_stage.server()
    hold = Hold()
    own_stage.discord.faults.add(path=path, when="after", action=hold)
    asking = asyncio.create_task(server.status(server.job()))
    await until(hold.reached.is_set)
    assert await own_stage.bot.stop() == 0
    hold.release.set()
    asking.cancel()
    assert own_stage.bot.said("Traceback|Session is closed|Ignoring exception") == []
