"""Compares the stored servers with Discord's list, because the gateway does not report servers that the bot left while
it was off."""

from __future__ import annotations

import asyncio
import logging

import discord

from discord_adapter.request_trace import (
    MISSING_ACCESS,
    UNKNOWN_SERVER,
    DiscordAway,
    ask_discord,
    is_refused_with,
)
from relay.failures import backoff
from relay.guild_lifecycle import GuildLifecycle
from relay.ports import Sleep
from storage.errors import StorageError

log = logging.getLogger(__name__)

_LONGEST_WAIT = 300.0
_SECONDS = 60.0
_AFTER_FAILURE = 10.0
_NOT_IN_SERVER = frozenset({UNKNOWN_SERVER, MISSING_ACCESS})


class GuildReconciler:
    """Reads Discord's list once after each new session. The list includes servers that are down in an outage."""

    def __init__(self, client: discord.Client, guilds: GuildLifecycle, sleep: Sleep) -> None:
        self._client = client
        self._guilds = guilds
        self._sleep = sleep
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Requests a comparison, for example because of a new session."""
        self._asked.set()

    async def run(self) -> None:
        """Makes the requested comparisons until it is cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            # A server that removes the bot while the list is read may still be in it; another process may see that.
            suspended = self._guilds.comparison_begins()
            present = await self._servers()
            try:
                for guild_id in await self._guilds.absent_servers(present):
                    # At once for each server, because it may invite the bot while others are being checked.
                    if await self._is_gone(guild_id):
                        await self._guilds.server_absent(guild_id)
                await self._guilds.finish_reconciliation(suspended & present)
            except StorageError as error:
                log.error("the list of servers can't be compared now: %s", error)
                self._asked.set()
                await self._sleep(_AFTER_FAILURE)

    async def _is_gone(self, guild_id: int) -> bool:
        """Whether Discord confirms that the bot is not in this server. Its absence from the list is no proof."""
        return await is_refused_with(_NOT_IN_SERVER, self._client.http.get_guild(guild_id, with_counts=False), _SECONDS)

    async def _servers(self) -> set[int]:
        failures = 0
        while True:
            try:
                return await ask_discord(self._list(), _SECONDS)
            except (discord.HTTPException, DiscordAway) as error:
                log.warning("the list of servers can't be read right now (%s)", error)
            failures += 1
            await self._sleep(backoff(2.0, failures, _LONGEST_WAIT))

    async def _list(self) -> set[int]:
        return {guild.id async for guild in self._client.fetch_guilds(limit=None, with_counts=False)}
