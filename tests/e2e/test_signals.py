"""SIGTERM and Ctrl-C: running work is finished or safely left for later, and the exit code is 0."""

from __future__ import annotations

import asyncio
import signal

import pytest

from sandbox.discord_wire import Hold
from tests.e2e.api_faults.held import HeldThen
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _at_the_outcome(harness: Harness, server: GuildFixture) -> Hold:
    """Holds the response to an outcome that Discord has stored."""
    job = await server.watched()
    hold = Hold()
    harness.discord.faults.add(
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
    harness = await build()
    await harness.bot.start(forked=False)
    await harness.bot.hears_signals()
    assert await harness.bot.signal(number) == 0
    assert harness.bot.said("Traceback") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_until_the_very_end(build: Build, number: signal.Signals) -> None:
    harness = await build()
    await harness.start(forked=False)
    assert await harness.bot.signal_until_ended(number) == 0
    assert harness.bot.said("Traceback") == []
    await harness.gone()


async def test_a_signal_while_logging_in(build: Build) -> None:
    harness = await build()
    hold = Hold()
    harness.discord.faults.add(path="/users/@me", action=hold)
    await harness.bot.start()
    await until(hold.reached.is_set)
    assert await harness.bot.stop() == 0
    hold.release.set()
    assert harness.bot.said("Traceback") == []


async def test_a_signal_during_a_delivery(own_harness: Harness) -> None:
    server = await own_harness.server()
    hold = await _at_the_outcome(own_harness, server)
    own_harness.bot.terminate()
    hold.release.set()
    assert await own_harness.bot.ended() == 0
    await own_harness.gone()
    await own_harness.start()
    await server.outcome()
    assert own_harness.bot.said("Traceback") == []


async def test_a_signal_during_a_hanging_delivery(own_harness: Harness) -> None:
    server = await own_harness.server()
    hold = await _at_the_outcome(own_harness, server)
    assert await own_harness.bot.stop() == 0
    hold.release.set()
    await own_harness.gone()
    await own_harness.start()
    await server.outcome()
    assert own_harness.bot.said("Traceback") == []


async def test_a_signal_during_a_command(own_harness: Harness) -> None:
    server = await own_harness.server()
    held = HeldThen()
    own_harness.pixverse.faults.add(held, account=server.account)
    asking = asyncio.create_task(server.status(server.job()))
    await until(held.reached.is_set)
    assert await own_harness.bot.stop() == 0
    held.release.set()
    assert (await asking).text.startswith("**I'm restarting.**")
    assert own_harness.bot.said("Traceback|Session is closed") == []


@pytest.mark.parametrize("path", [r"/interactions/.*", r"/webhooks/.*"], ids=["deferral", "answer"])
async def test_a_signal_during_a_hanging_reply(own_harness: Harness, path: str) -> None:
    server = await own_harness.server()
    hold = Hold()
    own_harness.discord.faults.add(path=path, when="after", action=hold)
    asking = asyncio.create_task(server.status(server.job()))
    await until(hold.reached.is_set)
    assert await own_harness.bot.stop() == 0
    hold.release.set()
    asking.cancel()
    assert own_harness.bot.said("Traceback|Session is closed|Ignoring exception") == []
