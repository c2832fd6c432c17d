"""Servers that removed the bot, and what is kept of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from relay.guild_lifecycle import GRACE, GuildLifecycle
from storage import servers
from storage.vault import new_key
from tests.relay.account_house import House

GUILD, BACK = 77, 78


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await House.open(tmp_path / "relay.db", new_key())
    yield opened
    await opened.close()


async def test_nothing_is_forgotten_before_the_servers_are_compared(house: House) -> None:
    """The gateway may take long to tell which servers are back."""
    async with house.database.transaction() as tx:
        for guild_id in (GUILD, BACK):
            await servers.set_gone(tx, guild_id, house.clock.now() - GRACE)
    house.accounts.suspend_server(GUILD)
    house.accounts.suspend_server(BACK)
    guilds = GuildLifecycle(house.database, house.accounts, house.changes, house.clock)
    task = asyncio.create_task(guilds.run())
    try:
        await house.pass_time(3600)
        assert await servers.known(house.database.reader) == {GUILD, BACK}
        await guilds.compare({BACK}, [])
        await house.pass_time(0)
        assert await servers.known(house.database.reader) == {BACK}
        assert house.heard.forgotten == [GUILD]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_is_back_at_the_last_moment_is_not_forgotten(house: House) -> None:
    async with house.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, house.clock.now() - GRACE)
    house.accounts.suspend_server(GUILD)
    guilds = GuildLifecycle(house.database, house.accounts, house.changes, house.clock)
    await guilds.compare([], [])
    async with house.database.transaction():
        back = asyncio.create_task(guilds.server_back(GUILD))
        await _turns()
        forgetting = asyncio.create_task(guilds.run())
        await _turns()
    try:
        await back
        await house.pass_time(0)
        assert await servers.known(house.database.reader) == {GUILD}
    finally:
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)


async def _turns() -> None:
    """Lets every task go as far as the database's lock."""
    for _ in range(20):
        await asyncio.sleep(0)
