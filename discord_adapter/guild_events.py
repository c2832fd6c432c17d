"""Passes on changes in Discord that affect the bot: of permissions, channels, threads, roles and servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Any

import discord
from discord.ext import commands

from discord_adapter.channels import LastNames, is_hidden, real_name
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.request_trace import UNKNOWN_CHANNEL, DiscordAway, ask_discord
from relay.cluster.ownership import Ownership
from relay.guild_lifecycle import GuildLifecycle
from relay.ports import Sleep
from storage.errors import StorageError
from ui.language import language_of

log = logging.getLogger(__name__)

_AFTER_FAILURE = 10.0
"""Seconds after which a server is synchronised again if the database did not take a change, or Discord was away."""


class GuildEvents(commands.Cog):
    """Passes Discord's events on to the relay.

    `GuildReconciler`, or the next attempt to post, finds out what happened while the bot was off. Discord sends each
    event only once. If the database does not take a change, the whole server is synchronised later.
    """

    def __init__(
        self,
        client: discord.Client,
        guilds: GuildLifecycle,
        reconciler: GuildReconciler,
        ownership: Ownership,
        sleep: Sleep,
    ) -> None:
        self._client = client
        self._guilds = guilds
        self._reconciler = reconciler
        self._ownership = ownership
        self._sleep = sleep
        self._names = LastNames()
        self._to_look_after: dict[int, int] = {}
        """The servers to be synchronised, each with the number of the first step that is yet to be done."""
        self._after_outage: set[int] = set()
        """The servers that were in an outage: channels that were deleted meanwhile are still in the cache."""
        self._woken = asyncio.Event()

    async def look_after_servers(self) -> None:
        """Synchronises each server that has become available or invited the bot, or of which a change was not followed,
        until it is cancelled.

        Servers are handled one at a time: after a login all become available at once, and commands must not wait behind
        thousands of them.
        """
        while True:
            # Servers may be left over from a run of this loop that crashed.
            while self._to_look_after:
                guild_id = next(iter(self._to_look_after))
                failed = await self._look_after(guild_id, self._to_look_after.pop(guild_id))
                if failed is not None:
                    self._note(guild_id, failed)
                    await self._sleep(_AFTER_FAILURE)
            self._woken.clear()
            await self._woken.wait()

    def _look_after_later(self, guild: discord.Guild | None) -> None:
        if guild is not None:
            self._note(guild.id, 0)

    def _note(self, guild_id: int, step: int) -> None:
        self._to_look_after[guild_id] = min(step, self._to_look_after.get(guild_id, step))
        self._woken.set()

    async def _look_after(self, guild_id: int, first: int) -> int | None:
        """Synchronises a server from its step `first` on; returns the step that failed, or None."""
        guild = self._client.get_guild(guild_id)
        if guild is None or guild.unavailable:
            return None  # The server has removed the bot meanwhile, or the gateway will report it after an outage.
        steps = (self._server_back, self._server_permissions_changed, self._look_after_channels)
        for number, step in enumerate(steps[first:], start=first):
            if not await _is_taken(step(guild)):
                return number
        return None

    @commands.Cog.listener()
    async def on_guild_channel_update(self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """The permissions of the channel and its threads may have changed, or the channel may be hidden now."""
        name = real_name(before)
        if not is_hidden(after):
            self._names.take(after.id)
        elif name is not None:
            # At once, because the channel may be deleted in the next moment.
            self._names.keep(after.id, name)
            await self._handle(after.guild, self._forget_unused_name(after))
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_guild_role_update(self, _before: discord.Role, after: discord.Role) -> None:
        """One of the bot's own roles may have changed."""
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """One of the bot's own roles may be gone, and with it what channels deny to that role. discord.py keeps it in
        the member's list, and so goes on to apply what channels deny."""
        me: discord.Member | None = role.guild.me
        if me is not None and me._roles.has(role.id):  # noqa: SLF001 - as for an event of the gateway
            me._roles.remove(role.id)  # noqa: SLF001
        await self._handle(role.guild, self._guilds.permissions_changed(role.guild.id))

    @commands.Cog.listener()
    async def on_member_update(self, _before: discord.Member, after: discord.Member) -> None:
        """The bot's own roles may have changed. Without the members intent, Discord sends this only for the bot."""
        await self._handle(after.guild, self._guilds.permissions_changed(after.guild.id))

    @commands.Cog.listener()
    async def on_raw_thread_update(self, payload: discord.RawThreadUpdateEvent) -> None:
        """The thread may have been opened or unlocked. The raw event is used because archived threads aren't cached."""
        guild = self._client.get_guild(payload.guild_id)
        await self._handle(guild, self._guilds.permissions_changed(payload.guild_id, payload.thread_id))

    @commands.Cog.listener()
    async def on_thread_join(self, thread: discord.Thread) -> None:
        """The bot was added to a thread, or mentioned in a private thread in which it could not post before."""
        await self._handle(thread.guild, self._guilds.permissions_changed(thread.guild.id, thread.id))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back after an outage of Discord, or the bot has just connected."""
        self._look_after_later(guild)

    @commands.Cog.listener()
    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """An outage of Discord has begun for the server. The gateway reports nothing about it until it is over."""
        self._after_outage.add(guild.id)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """The channel and its threads are gone. Archived threads aren't cached, so all known channels are checked."""
        name = self._names.take(channel.id)
        gone = self._guilds.channel_gone(channel.guild.id, channel.id, name or real_name(channel))
        await self._handle(channel.guild, gone)
        await self._handle(channel.guild, self._look_after_channels(channel.guild))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """A thread is gone. The raw event is used because threads are often not cached."""
        name = payload.thread.name if payload.thread is not None else None
        guild = self._client.get_guild(payload.guild_id)
        await self._handle(guild, self._guilds.channel_gone(payload.guild_id, payload.thread_id, name))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The server has removed the bot. Discord does not send this for servers that are down in an outage.

        A process that does not own the server may have been halted since the event was sent, so Discord's list is
        compared instead.
        """
        for channel in guild.channels:
            self._names.take(channel.id)
        if not self._ownership.owns_server(guild.id) or not await _is_taken(self._guilds.server_gone(guild.id)):
            self._reconciler.ask()

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """The bot was invited, perhaps again. Channels may have been deleted while it was not in the server."""
        await self._handle(guild, self._server_back(guild))
        self._look_after_later(guild)

    @commands.Cog.listener()
    async def on_shard_connect(self, _shard_id: int) -> None:
        """A new session has begun, so earlier events may have been missed."""
        self._reconciler.ask()

    @commands.Cog.listener()
    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """The server's language may have changed, or its boost level and with it the upload limit."""
        if before.preferred_locale != after.preferred_locale:
            await self._handle(after, self._note_locale(after))
        if before.premium_tier != after.premium_tier:
            await self._handle(after, self._guilds.forget_upload_limit(after.id))

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """An interaction tells the largest file that its sender may upload.

        That need not be the bot's limit, because the sender may have a subscription of their own.
        """
        if interaction.guild_id is not None and interaction.type is not discord.InteractionType.autocomplete:
            await _is_taken(self._guilds.may_take_larger_files(interaction.guild_id, interaction.filesize_limit))

    async def _handle(self, guild: discord.Guild | None, change: Awaitable[None]) -> None:
        if not await _is_taken(change):
            self._look_after_later(guild)

    async def _server_back(self, guild: discord.Guild) -> None:
        """Notes the server's language first, because messages are posted in it as soon as the server is resumed."""
        await self._note_locale(guild)
        await self._guilds.server_back(guild.id)

    async def _server_permissions_changed(self, guild: discord.Guild) -> None:
        await self._guilds.permissions_changed(guild.id)

    async def _note_locale(self, guild: discord.Guild) -> None:
        await self._guilds.locale_reported(guild.id, language_of(guild.preferred_locale.value))

    async def _forget_unused_name(self, hidden: discord.abc.GuildChannel) -> None:
        if hidden.id not in await self._guilds.known_channels(hidden.guild.id):
            self._names.take(hidden.id)

    async def _look_after_channels(self, guild: discord.Guild) -> None:
        """Ends everything that waits in channels that are gone.

        Discord sends no event for channels that were deleted while the bot was off or the server was in an outage, or
        for threads of a deleted channel.
        """
        is_cache_right = guild.id not in self._after_outage
        for channel_id in await self._guilds.known_channels(guild.id):
            if is_cache_right and guild.get_channel_or_thread(channel_id) is not None:
                continue
            if await self._is_gone(channel_id):
                await self._guilds.channel_gone(guild.id, channel_id)
        if not guild.unavailable:
            self._after_outage.discard(guild.id)

    async def _is_gone(self, channel_id: int) -> bool:
        """Whether Discord says that a channel does not exist. Raises DiscordAway."""
        try:
            await ask_discord(self._client.http.get_channel(channel_id))
        except discord.HTTPException as refusal:
            return refusal.code == UNKNOWN_CHANNEL
        return False


async def _is_taken(change: Awaitable[None]) -> bool:
    """Makes a change; returns False if the database fails or Discord is away."""
    try:
        await change
    except StorageError as error:
        log.error("a change in Discord could not be followed: %s", error)
        return False
    except DiscordAway as away:
        log.warning("Discord can't be asked now whether a channel still exists (%s)", away)
        return False
    return True
