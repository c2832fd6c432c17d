"""Passes on what changes around the bot in Discord: permissions, channels, threads, roles, servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import discord
from discord.ext import commands

from discord_adapter.channels import LastNames, is_hidden, real_name
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.request_trace import UNKNOWN_CHANNEL, is_refused_with
from relay.guild_lifecycle import GuildLifecycle
from relay.ports import Sleep
from storage.errors import StorageError
from ui.language import language_of

log = logging.getLogger(__name__)

_AFTER_FAILURE = 10.0
"""Seconds after which a server is looked after again if the database did not take a change."""


class GuildEvents(commands.Cog):
    """Passes Discord's events on to the relay.

    `GuildReconciler`, or the next attempt to post, finds out what happened while the bot was off. Discord tells
    everything once: where the database does not take a change, the whole server is looked after later.
    """

    def __init__(
        self,
        client: discord.Client,
        guilds: GuildLifecycle,
        reconciler: GuildReconciler,
        sleep: Sleep,
    ) -> None:
        self._client = client
        self._guilds = guilds
        self._reconciler = reconciler
        self._sleep = sleep
        self._names = LastNames()
        self._to_look_after: dict[int, discord.Guild] = {}
        self._woken = asyncio.Event()

    async def look_after_servers(self) -> None:
        """Brings each server up to date that has become available or of which a change was not taken, until it is
        cancelled.

        One after the other: at a log-in all become available at once, and commands must not wait behind thousands.
        """
        while True:
            # First what is left, perhaps by a loop that crashed.
            while self._to_look_after:
                guild = self._to_look_after.pop(next(iter(self._to_look_after)))
                if not await self._look_after(guild):
                    self._to_look_after.setdefault(guild.id, guild)
                    await self._sleep(_AFTER_FAILURE)
            self._woken.clear()
            await self._woken.wait()

    def _look_after_later(self, guild: discord.Guild | None) -> None:
        if guild is not None:
            self._to_look_after[guild.id] = guild
            self._woken.set()

    async def _look_after(self, guild: discord.Guild) -> bool:
        """Returns whether the database took all changes."""
        if self._client.get_guild(guild.id) is None:
            return True  # It has removed the bot meanwhile.
        for change in (self._server_back, self._server_permissions_changed, self._look_after_channels):
            if not await _is_taken(change(guild)):
                return False
        return True

    @commands.Cog.listener()
    async def on_guild_channel_update(self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """The permissions of the channel and its threads may have changed, or it may be hidden from the bot now."""
        name = real_name(before)
        if not is_hidden(after):
            self._names.take(after.id)
        elif name is not None and after.id in await self._guilds.known_channels(after.guild.id):
            self._names.keep(after.id, name)
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_guild_role_update(self, _before: discord.Role, after: discord.Role) -> None:
        """One of the bot's own roles may have changed."""
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_member_update(self, _before: discord.Member, after: discord.Member) -> None:
        """Without the members intent Discord tells this of the bot itself only."""
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        """The thread may have been opened or unlocked. Raw, because archived threads are not in the cache."""
        guild = self._client.get_guild(payload.guild_id)
        await self._handle(guild, self._guilds.permissions_changed(payload.guild_id, payload.thread_id))

    @commands.Cog.listener()
    async def on_thread_join(self, thread: discord.Thread) -> None:
        """The bot was added to a thread, or mentioned in a private one in which it could not post before."""
        await self._handle(thread.guild, self._guilds.permissions_changed(thread.guild.id, thread.id))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back after an outage of Discord, or the bot has just connected."""
        self._look_after_later(guild)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Nothing can be posted in the channel or its threads any more; archived threads are not in the cache."""
        name = self._names.take(channel.id)
        gone = self._guilds.channel_gone(channel.guild.id, channel.id, name or real_name(channel))
        await self._handle(channel.guild, gone)
        await self._handle(channel.guild, self._look_after_channels(channel.guild))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone. Raw, because threads are often not in the cache."""
        name = payload.thread.name if payload.thread is not None else None
        guild = self._client.get_guild(payload.guild_id)
        await self._handle(guild, self._guilds.channel_gone(payload.guild_id, payload.thread_id, name))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The server has removed the bot. Discord does not send this for a server that is away in an outage."""
        for channel in guild.channels:
            self._names.take(channel.id)
        if not await _is_taken(self._guilds.server_gone(guild.id)):
            self._reconciler.ask()

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was invited (again)."""
        await self._handle(guild, self._server_back(guild))

    @commands.Cog.listener()
    async def on_shard_connect(self, _shard_id: int) -> None:
        """A new session has begun, and events before it were missed."""
        self._reconciler.ask()

    @commands.Cog.listener()
    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """The server's language, or its boost level, and with it the size of files, may have changed."""
        if before.preferred_locale != after.preferred_locale:
            await self._handle(after, self._note_locale(after))
        if before.premium_tier != after.premium_tier:
            await self._handle(after, self._guilds.forget_upload_limit(after.id))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """An interaction names the largest file that its sender may upload there.

        The sender may have a plan of their own, so this is not the bot's limit.
        """
        if interaction.guild_id is not None and interaction.type is not discord.InteractionType.autocomplete:
            await _is_taken(self._guilds.may_take_larger_files(interaction.guild_id, interaction.filesize_limit))

    async def _handle(self, guild: discord.Guild | None, change: Awaitable[None]) -> None:
        if not await _is_taken(change):
            self._look_after_later(guild)

    async def _server_back(self, guild: discord.Guild) -> None:
        """The server's language may be another one by now, and what is posted from here on is in it."""
        await self._note_locale(guild)
        await self._guilds.server_back(guild.id)

    async def _server_permissions_changed(self, guild: discord.Guild) -> None:
        await self._guilds.permissions_changed(guild.id)

    async def _note_locale(self, guild: discord.Guild) -> None:
        await self._guilds.locale_told(guild.id, language_of(guild.preferred_locale.value))

    async def _look_after_channels(self, guild: discord.Guild) -> None:
        """Ends what waits in channels that are gone.

        Discord sends no event for channels deleted while the bot was off, nor for the threads of a deleted channel.
        """
        for channel_id in await self._guilds.known_channels(guild.id):
            if guild.get_channel_or_thread(channel_id) is not None:
                continue
            if await is_refused_with({UNKNOWN_CHANNEL}, self._client.http.get_channel(channel_id)):
                await self._guilds.channel_gone(guild.id, channel_id)


async def _is_taken(change: Awaitable[None]) -> bool:
    """Makes a change; returns False if the database does not take it now."""
    try:
        await change
    except StorageError as error:
        log.error("a change in Discord could not be followed: %s", error)
        return False
    return True
