"""Gateway connections that end during work, in every way that a client can recover from."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Hold, Status
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_RESUMABLE = (1000, 1001, 4000, 4001, 4002, 4003, 4005, 4008)
"""4007 and 4009 end the session too, which Discord says to the attempt to resume it."""


async def _goes_on(server: GuildFixture) -> None:
    """Checks that the bot answers commands and posts results."""
    job = await server.watched()
    job.complete()
    await server.outcome()
    assert server.harness.bot.said("Traceback") == []


async def _again(harness: Harness, *, resumed: int, identified: int) -> None:
    gateway = harness.discord.gateway
    await harness.discord.until(lambda: (gateway.resumed, gateway.identified) == (resumed, identified), 15)


async def test_resumable_sessions(harness: Harness, server: GuildFixture) -> None:
    gateway = harness.discord.gateway
    identified, resumed = gateway.identified, gateway.resumed
    for count, code in enumerate(_RESUMABLE, start=1):
        await gateway.close(code)
        await _again(harness, resumed=resumed + count, identified=identified)
    await _goes_on(server)


async def test_being_asked_to_reconnect(harness: Harness, server: GuildFixture) -> None:
    gateway = harness.discord.gateway
    identified, resumed = gateway.identified, gateway.resumed
    gateway.ask_to_reconnect()
    await _again(harness, resumed=resumed + 1, identified=identified)
    await _goes_on(server)


async def test_missed_events_are_replayed(harness: Harness, server: GuildFixture) -> None:
    """A permission was given back while the bot was disconnected."""
    job = await server.watched()
    server.channel.deny_bot(send_messages=True)
    job.complete()
    await harness.pixverse.until(lambda: bool(harness.ledger.rows(_BLOCKED, server.channel.id)))
    gateway = harness.discord.gateway
    gateway.cut()
    server.channel.allow_bot(send_messages=True)
    await server.outcome()


_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


async def test_discord_closes_the_connection_for_good(harness: Harness, server: GuildFixture) -> None:
    """Results don't need the gateway; commands work again once Discord lets the bot connect."""
    gateway = harness.discord.gateway
    job = await server.watched()
    gateway.refuses_with = 4014
    await gateway.close(4014)
    job.complete()
    await server.outcome()
    await harness.discord.until(lambda: len(harness.bot.said("Discord closed it with 4014, disallowed intents")) >= 2)
    gateway.refuses_with = None
    await harness.discord.until(lambda: harness.discord.bot_connected)
    await _goes_on(await harness.server())


async def test_an_outage_during_work(harness: Harness) -> None:
    """Opcode 9 while an outcome is sent; then REST answers 503 and the gateway takes no connection (ten minutes of it,
    sped up). discord.py leaves five seconds between two log-ins."""
    discord = harness.discord
    servers = [await harness.server() for _ in range(4)]
    jobs = [await server.watched() for server in servers]
    hold, path = Hold(), f"/channels/{servers[0].channel.id}/messages"
    discord.faults.add(method="POST", path=path, when="after", action=hold, match=is_outcome)
    jobs[0].complete()
    await discord.until(hold.reached.is_set)
    identified = discord.gateway.identified
    discord.gateway.invalidate()
    jobs[1].complete()
    await servers[1].outcome()  # needs no gateway

    away = discord.faults.add(action=Status(503), times=None)
    discord.gateway.closed = True
    jobs[2].complete()
    jobs[3].complete()
    hold.release.set()
    await discord.until(lambda: away.hits >= 2)
    assert [len(server.outcomes()) for server in servers] == [1, 1, 0, 0]
    discord.faults.remove(away)
    discord.gateway.closed = False

    outcomes = await asyncio.gather(*(server.outcome() for server in servers))
    assert [len(outcome.attachments) for outcome in outcomes] == [1] * 4
    await discord.until(lambda: discord.bot_connected)
    assert discord.gateway.identified == identified + 1
    await _goes_on(await harness.server())
