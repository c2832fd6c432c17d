"""Hears of what changes around the bot in Discord: permissions, channels, threads, roles, servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import aiohttp
import discord
from discord.ext import commands

from discord_adapter.channels import LastNames, is_hidden, real_name
from discord_adapter.guild_reconciler import GuildReconciler
from relay.delivery.outbox import DeliveryLoop
from relay.places import Places
from storage import servers
from storage.database import Database
from storage.errors import StorageError

log = logging.getLogger(__name__)

_UNKNOWN_CHANNEL = 10003
"""Discord developer docs, JSON error codes. Another 404 tells nothing of the channel; see `discord_errors.py`."""


class GuildEvents(commands.Cog):
    """Tells the relay. What is missed here (the bot was off) is found out by the roll call, or by the next attempt to
    post."""

    def __init__(
        self,
        client: discord.Client,
        outbox: DeliveryLoop,
        places: Places,
        reconciler: GuildReconciler,
        database: Database,
    ) -> None:
        self._client = client
        self._outbox = outbox
        self._places = places
        self._reconciler = reconciler
        self._database = database
        self._names = LastNames()
        self._available: asyncio.Queue[discord.Guild] = asyncio.Queue()

    async def look_after_available(self) -> None:
        """Looks after each server that has become available, until it is cancelled.

        One after the other: at a log-in all of them come at once, and commands must not wait behind thousands.
        """
        while True:
            guild = await self._available.get()
            await _heard(self._places.server_back(guild.id))
            await _heard(self._outbox.permissions_changed(guild.id))
            await _heard(self._look_after_channels(guild))

    @commands.Cog.listener()
    async def on_guild_channel_update(self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """Its permissions may have changed, and with them those of its threads; or it is hidden from the bot now."""
        name = real_name(before)
        if not is_hidden(after):
            self._names.take(after.id)
        elif name is not None and after.id in await self._places.known_channels(after.guild.id):
            self._names.keep(after.id, name)
        await _heard(self._outbox.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_guild_role_update(self, _before: discord.Role, after: discord.Role) -> None:
        """One of the bot's own roles may have changed."""
        await _heard(self._outbox.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_member_update(self, _before: discord.Member, after: discord.Member) -> None:
        """Without the members intent Discord tells this of the bot itself only."""
        await _heard(self._outbox.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        """It may have been opened or unlocked. Raw: archived threads are not in the cache."""
        await _heard(self._outbox.permissions_changed(payload.guild_id, payload.thread_id))

    @commands.Cog.listener()
    async def on_thread_join(self, thread: discord.Thread) -> None:
        """The bot was added to it, or mentioned in a private one, in which nothing could be posted before."""
        await _heard(self._outbox.permissions_changed(thread.guild.id, thread.id))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back after an outage of Discord, or the bot has just connected."""
        self._available.put_nowait(guild)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Nothing more can go there, nor to its threads; archived ones are not in the cache."""
        name = self._names.take(channel.id)
        await _heard(self._places.channel_gone(channel.guild.id, channel.id, name or real_name(channel)))
        await _heard(self._look_after_channels(channel.guild))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Raw: threads are often not in the cache."""
        name = payload.thread.name if payload.thread is not None else None
        await _heard(self._places.channel_gone(payload.guild_id, payload.thread_id, name))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The server has removed the bot; not told for a server that is away by an outage of Discord."""
        for channel in guild.channels:
            self._names.take(channel.id)
        await _heard(self._places.server_gone(guild.id))

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was invited (again)."""
        await _heard(self._places.server_back(guild.id))

    @commands.Cog.listener()
    async def on_shard_connect(self, _shard_id: int) -> None:
        """A new session: whatever happened before it was missed."""
        self._reconciler.ask()

    @commands.Cog.listener()
    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """A server with another boost takes files of another size."""
        if before.premium_tier != after.premium_tier:
            await _heard(self._forget_upload_limit(after.id))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Discord tells how large a file its sender may upload there. That may be by a plan of their own, so it is no
        limit for the bot; but where it is more than was learned, a large file is worth one more try."""
        if interaction.guild_id is not None and interaction.type is not discord.InteractionType.autocomplete:
            await _heard(self._doubt_upload_limit(interaction.guild_id, interaction.filesize_limit))

    async def _look_after_channels(self, guild: discord.Guild) -> None:
        """Ends what waits in channels that are gone. Discord tells of none while the bot is off, nor of threads that go
        with their channel."""
        for channel_id in await self._places.known_channels(guild.id):
            if guild.get_channel_or_thread(channel_id) is None and await self._is_gone(channel_id):
                await self._places.channel_gone(guild.id, channel_id)

    async def _is_gone(self, channel_id: int) -> bool:
        try:
            await self._client.http.get_channel(channel_id)
        except discord.HTTPException as error:
            return error.code == _UNKNOWN_CHANNEL
        except (discord.RateLimited, aiohttp.ClientError, OSError):
            return False
        return False

    async def _doubt_upload_limit(self, guild_id: int, told: int) -> None:
        server = await servers.get(self._database.reader, guild_id)
        if server is not None and server.upload_limit is not None and server.upload_limit < told:
            await self._forget_upload_limit(guild_id)

    async def _forget_upload_limit(self, guild_id: int) -> None:
        async with self._database.transaction() as tx:
            await servers.forget_upload_limit(tx, guild_id)


async def _heard(reaction: Awaitable[None]) -> None:
    """What the database does not take now is found out later, by the next attempt to post."""
    try:
        await reaction
    except StorageError as error:
        log.error("a change in Discord could not be followed: %s", error)
