"""Servers that remove the bot and invite it again: within the grace period, after it, and while the bot is off."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Body, Status
from sandbox.pixverse_api.jobs import Job
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import POLL_SECONDS, Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_DAY = 24 * 3600 * 1000
_TABLES = ("servers", "subscriptions", "deliveries", "batches")


def _gone(harness: Harness, server: GuildFixture) -> bool:
    return bool(
        harness.ledger.rows("SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL", server.guild.id)
    )


def _kept(harness: Harness, server: GuildFixture) -> list[str]:
    """The tables that contain data of the server."""
    return [
        table for table in _TABLES if harness.ledger.rows(f"SELECT 1 FROM {table} WHERE guild_id = ?", server.guild.id)
    ]


async def _noticed_gone(harness: Harness, server: GuildFixture) -> None:
    await harness.pixverse.until(lambda: _gone(harness, server))


async def _is_left_alone(harness: Harness, server: GuildFixture, job: Job) -> None:
    """Checks that no requests for the job or the channel are sent, except one poll that may be in flight."""
    asked, calls = harness.pixverse.asked(job), _calls(harness, server)
    await asyncio.sleep(5 * POLL_SECONDS)
    assert harness.pixverse.asked(job) <= asked + 1
    assert _calls(harness, server) == calls


def _calls(harness: Harness, server: GuildFixture) -> int:
    return sum(str(server.channel.id) in call.path for call in harness.discord.requests)


async def test_back_within_the_grace_period(harness: Harness, server: GuildFixture) -> None:
    ended, running = await server.watched(), await server.watched()
    await server.settled()
    server.guild.remove_bot()
    await _noticed_gone(harness, server)
    ended.complete()
    await _is_left_alone(harness, server, running)
    server.guild.add_bot()
    await harness.discord.until(lambda: len(server.outcomes()) == 1)
    assert not _gone(harness, server)
    running.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert harness.bot.said("Traceback") == []


async def test_another_server_waits_for_the_same_job(harness: Harness, server: GuildFixture) -> None:
    """The other server gets its result at once; the returning server gets its own later."""
    other = harness.empty_server()
    await other.set_token(server.account.token)
    job = await server.watched()
    assert (await other.status(job)).text.startswith("**Watching.**")
    await server.settled()
    server.guild.remove_bot()
    await _noticed_gone(harness, server)
    job.complete()
    await other.outcome()
    assert harness.ledger.outcome_states(server.channel.id) == []
    server.guild.add_bot()
    await server.outcome()


async def test_no_outcome_is_sent_to_a_server_without_the_bot(harness: Harness, server: GuildFixture) -> None:
    """The outcome was waiting for its second attempt when the bot was removed, and is sent when the bot is back."""
    job = await server.watched()
    path = f"/channels/{server.channel.id}/messages"
    troubled = harness.discord.faults.add(method="POST", path=path, action=Status(503), match=is_outcome)
    job.complete()
    await harness.discord.until(lambda: troubled.hits == 1)
    await harness.pixverse.until(lambda: "waiting" in harness.ledger.outcome_states(server.channel.id))
    server.guild.remove_bot()
    await _noticed_gone(harness, server)
    calls = _calls(harness, server)
    await asyncio.sleep(2.2)  # the second try was due after two seconds
    assert _calls(harness, server) == calls
    server.guild.add_bot()
    await server.outcome()


async def test_an_outage_does_not_count_as_a_removal(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    server.guild.outage()
    job.complete()
    await server.outcome()
    server.guild.end_outage()
    await harness.server()
    assert not _gone(harness, server)


async def test_what_happened_while_the_bot_was_off(harness: Harness, server: GuildFixture) -> None:
    back, away = await harness.server(), await harness.server()
    jobs = [await one.watched() for one in (server, back, away)]
    back.guild.remove_bot()
    await _noticed_gone(harness, back)
    await harness.stop()
    away.guild.remove_bot()
    back.guild.add_bot()
    in_outage = await _in_outage(harness)
    await harness.start()
    await _noticed_gone(harness, away)
    for job in jobs:
        job.complete()
    await asyncio.gather(server.outcome(), back.outcome())
    assert [_gone(harness, one) for one in (server, back, away, in_outage)] == [False, False, True, False]
    assert away.outcomes() == []
    assert harness.bot.said("Traceback") == []


async def test_a_proxy_page_for_the_list_of_servers_postpones_the_comparison(
    harness: Harness, server: GuildFixture
) -> None:
    away = await harness.server()
    await away.watched()
    await harness.stop()
    away.guild.remove_bot()
    page = harness.discord.faults.add(method="GET", path="/users/@me/guilds", action=Body())
    await harness.start()
    await _noticed_gone(harness, away)
    assert page.hits == 1
    assert not _gone(harness, server)
    assert harness.bot.said("Traceback") == []


async def _in_outage(harness: Harness) -> GuildFixture:
    """A server in an outage when the bot starts, which the bot is still in."""
    server = harness.empty_server()
    harness.ledger.change("INSERT INTO servers (guild_id) VALUES (?)", server.guild.id)
    server.guild.outage()
    return server


async def test_after_the_grace_period_it_is_deleted(harness: Harness, server: GuildFixture) -> None:
    """A server that invites the bot again on the last day, while the bot is off, is not forgotten."""
    late = await harness.server()
    for one in (server, late):
        await one.watched()
        await one.settled()
        one.guild.remove_bot()
        await _noticed_gone(harness, one)
    await harness.stop()
    late.guild.add_bot()
    aged = "UPDATE servers SET gone_since = gone_since - ? WHERE gone_since IS NOT NULL"
    harness.ledger.change(aged, 8 * _DAY)
    await harness.start()
    await harness.pixverse.until(lambda: _kept(harness, server) == [] and not _gone(harness, late))
    assert "subscriptions" in _kept(harness, late)
    tokens = "SELECT token FROM accounts WHERE account_key = ?"
    assert harness.ledger.rows(tokens, f"user:{server.account.number}") == [{"token": None}]
    server.guild.add_bot()
    answer = await server.status(server.job())
    assert "isn't set up yet" in answer.text
    await server.set_token()
    (await server.watched()).complete()
    await server.outcome()
    assert harness.bot.said("Traceback") == []


async def test_removed_while_posting(harness: Harness, server: GuildFixture) -> None:
    other = await harness.server()
    jobs = [await server.watched(), await other.watched()]
    server.guild.remove_bot()
    for job in jobs:
        job.complete()
    await other.outcome()
    await _noticed_gone(harness, server)
    server.guild.add_bot()
    await server.outcome()
    path = f"/channels/{server.channel.id}/messages"
    taken = [call for call in harness.discord.requests if call.path == path and is_outcome(call) and call.status == 200]
    assert len(taken) == 1
