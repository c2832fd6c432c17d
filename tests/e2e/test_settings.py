"""Settings that change what the bot does: its limits, the servers it serves, and the operator's own token."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_limits_of_people_and_servers_apply_at_once(build: Build) -> None:
    harness = await build(MAX_OPEN_PER_USER="2", MAX_OPEN_PER_SERVER="3")
    await harness.start()
    server = await harness.server()
    answers = await asyncio.gather(*(server.status(server.job()) for _ in range(5)))
    assert sum(answer.text.startswith("**Watching.**") for answer in answers) == 2
    assert sum(answer.text.startswith("**You're at your limit of 2 jobs.**") for answer in answers) == 3
    bob = server.guild.add_member("bob")
    assert (await server.status(server.job(), by=bob)).text.startswith("**Watching.**")
    assert (await server.status(server.job(), by=bob)).text.startswith("**This server is at its limit of 3 jobs.**")
    assert len(server.cards()) == 3


async def test_commands_of_one_person_in_a_minute(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="3")
    await harness.start()
    server = await harness.server()
    job = server.job()
    for _ in range(3):
        assert not (await server.status(job)).text.startswith("**One moment.**")
    assert (await server.status(job)).text.startswith("**One moment.**")
    assert (await server.status(job, by=server.guild.add_member("bob"))).text.startswith("**Already watched here.**")


async def test_only_the_listed_servers_are_served(build: Build) -> None:
    harness = await build()
    served, other = harness.empty_server(), harness.empty_server()
    harness.bot.settings["DISCORD_GUILD_IDS"] = str(served.guild.id)
    await harness.start()
    assert "pixverse status" in served.member.commands(served.channel)
    assert other.member.commands(other.channel) == []
    assert (await served.set_token()).text.startswith("**Token works.**")


async def test_a_server_no_longer_listed_is_suspended_until_it_is_listed_again(build: Build) -> None:
    harness = await build()
    await harness.start()
    served, other = await harness.server(), await harness.server()
    job = await other.watched()
    await other.settled()
    await harness.stop()
    harness.bot.settings["DISCORD_GUILD_IDS"] = str(served.guild.id)
    await harness.start()
    job.complete()
    since = len(harness.pixverse.requests)
    done = await served.watched()
    done.complete()
    await served.outcome()
    assert all(one.account != other.account.number for one in harness.pixverse.requests[since:])
    assert other.outcomes() == []
    await harness.stop()
    harness.bot.settings["DISCORD_GUILD_IDS"] = f"{served.guild.id},{other.guild.id}"
    await harness.start()
    assert (await other.outcome()).text.startswith("**Your video is ready.**")
    assert harness.bot.said("Traceback") == []


async def test_the_operator_s_token_is_for_servers_without_one(build: Build) -> None:
    harness = await build()
    account = harness.account()
    harness.bot.settings["USEAPI_TOKEN"] = account.token
    await harness.start()
    assert harness.bot.said("any server that invites this bot can read")
    server = GuildFixture(harness, account)
    job = await server.watched()
    own = await harness.server()
    assert (await own.status(job)).text.startswith("**I can't find this job.**")
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")
