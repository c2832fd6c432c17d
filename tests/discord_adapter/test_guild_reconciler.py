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
from storage.vault import new_key
from tests.relay.accounts_fixture import AccountsFixture

LEFT, STILL_THERE, NEW = 77, 78, 79


class Discord:
    """Its list of servers is empty; asked for a single one, it tells the truth, and meanwhile another one comes."""

    def __init__(self, world: AccountsFixture) -> None:
        self._house = world
        self.http = self
        self.asked: list[int] = []

    async def fetch_guilds(self, **_: object) -> AsyncIterator[discord.Guild]:
        guilds: list[discord.Guild] = []
        for guild in guilds:
            yield guild

    async def get_guild(self, guild_id: int, *, with_counts: bool) -> dict[str, Any]:
        self.asked.append(guild_id)
        await knows(self._house, NEW)
        if guild_id == STILL_THERE:
            return {"id": str(guild_id)}
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


async def test_only_those_that_discord_calls_gone_rest_and_none_that_came_meanwhile(world: AccountsFixture) -> None:
    for guild_id in (LEFT, STILL_THERE):
        await knows(world, guild_id)
    guilds = GuildLifecycle(world.database, world.accounts, world.changes, world.clock)
    client = Discord(world)
    reconciler = GuildReconciler(cast(discord.Client, client), guilds, world.clock.sleep)
    compared = asyncio.create_task(guilds._compared.wait())
    running = asyncio.create_task(reconciler.run())
    reconciler.ask()
    try:
        async with asyncio.timeout(10):
            await compared
        assert client.asked == [LEFT, STILL_THERE]
        resting = [guild_id for guild_id in (LEFT, STILL_THERE, NEW) if world.accounts.is_suspended(guild_id)]
        assert resting == [LEFT]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
