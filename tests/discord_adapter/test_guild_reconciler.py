from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import discord
import pytest

from discord_adapter.guild_reconciler import GuildReconciler
from relay.guild_lifecycle import GuildLifecycle
from storage import servers
from storage.secret_store import new_key
from tests.relay.accounts_fixture import AccountsFixture

LEFT, STILL_THERE, NEW = 77, 78, 79


class Discord:
    """Its list of servers is `listed`; asked for a single one, it tells the truth, and meanwhile another one comes."""

    def __init__(self, world: AccountsFixture, guilds: GuildLifecycle) -> None:
        self._house = world
        self._guilds = guilds
        self.http = self
        self.listed: list[int] = []
        self.asked: list[int] = []
        self.of_another_process = False
        """Whether another process gets the gateway's events."""
        self.reinvites = False
        """Whether each server invites the bot again while Discord responds that the bot is not in it."""

    async def fetch_guilds(self, **_: object) -> AsyncIterator[discord.Object]:
        for guild_id in self.listed:
            yield discord.Object(guild_id)
            # The gateway's event comes before the rest of the list.
            if self.of_another_process:
                async with self._house.database.transaction() as tx:
                    await servers.set_gone(tx, guild_id, 1)
                self._house.accounts.suspend_server(guild_id)
            else:
                await self._guilds.server_gone(guild_id)

    async def get_guild(self, guild_id: int, *, with_counts: bool) -> dict[str, Any]:
        self.asked.append(guild_id)
        await knows(self._house, NEW)
        if self.asked[:-1] == [LEFT]:
            await self._guilds.server_back(LEFT)
        if guild_id == STILL_THERE:
            return {"id": str(guild_id)}
        if self.reinvites:
            await self._guilds.server_back(guild_id)
        response = cast(aiohttp.ClientResponse, type("Response", (), {"status": 404, "reason": "Not Found"})())
        raise discord.NotFound(response, {"code": 10004, "message": "Unknown Guild"})


async def knows(world: AccountsFixture, guild_id: int) -> None:
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, guild_id, 5)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[AccountsFixture]:
    opened = await AccountsFixture.open(tmp_path / "relay.db", new_key())
    yield opened
    await opened.close()


async def _compare(world: AccountsFixture, guilds: GuildLifecycle, client: Discord) -> None:
    reconciler = GuildReconciler(cast(discord.Client, client), guilds, world.clock.sleep)
    compared = asyncio.create_task(guilds._compared.wait())
    running = asyncio.create_task(reconciler.run())
    reconciler.ask()
    try:
        async with asyncio.timeout(10):
            await compared
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_only_servers_that_discord_calls_gone_are_suspended_and_no_new_one(world: AccountsFixture) -> None:
    for guild_id in (STILL_THERE, LEFT + 9):
        await knows(world, guild_id)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    client = Discord(world, guilds)
    await _compare(world, guilds, client)
    assert client.asked == [STILL_THERE, LEFT + 9]
    assert guilds.suspended() == {LEFT + 9}


async def test_a_server_that_returns_during_the_comparison_is_not_suspended(world: AccountsFixture) -> None:
    for guild_id in (LEFT, STILL_THERE):
        await knows(world, guild_id)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    client = Discord(world, guilds)
    await _compare(world, guilds, client)
    assert client.asked == [LEFT, STILL_THERE]
    assert guilds.suspended() == set()


@pytest.mark.parametrize("of_another_process", [False, True])
async def test_a_server_that_removes_the_bot_during_the_comparison_is_suspended(
    world: AccountsFixture, of_another_process: bool
) -> None:
    await knows(world, LEFT)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    client = Discord(world, guilds)
    client.of_another_process = of_another_process
    client.listed = [LEFT]
    await _compare(world, guilds, client)
    assert guilds.suspended() == {LEFT}


async def test_a_server_that_returns_while_discord_calls_it_gone_is_not_suspended(world: AccountsFixture) -> None:
    await knows(world, LEFT + 9)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    client = Discord(world, guilds)
    client.reinvites = True
    await _compare(world, guilds, client)
    assert client.asked == [LEFT + 9]
    assert guilds.suspended() == set()


async def test_a_suspended_server_that_removes_the_bot_again_during_the_comparison_stays_suspended(
    world: AccountsFixture,
) -> None:
    """It had invited the bot while the bot was off, so Discord's list names it."""
    await knows(world, LEFT)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    await guilds.server_gone(LEFT)
    client = Discord(world, guilds)
    client.listed = [LEFT]
    await _compare(world, guilds, client)
    assert guilds.suspended() == {LEFT}


async def test_a_suspended_server_that_removes_the_bot_again_while_others_resume_stays_suspended(
    world: AccountsFixture,
) -> None:
    for guild_id in (LEFT, STILL_THERE):
        await knows(world, guild_id)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    for guild_id in (LEFT, STILL_THERE):
        await guilds.server_gone(guild_id)
    suspended = guilds.comparison_begins()
    finishing = asyncio.create_task(guilds.finish_reconciliation(suspended))
    await asyncio.sleep(0)
    await guilds.server_gone(STILL_THERE)
    await finishing
    assert guilds.suspended() == {STILL_THERE}
