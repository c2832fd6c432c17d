"""Hears of what changes around the bot in Discord: permissions, channels, threads, roles, servers."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable

import discord
from discord.ext import commands

from relay.outbox import DeliveryLoop
from storage import servers
from storage.database import Database

log = logging.getLogger(__name__)


class Surroundings(commands.Cog):
    """Tells the outbox. What is missed here (the bot was off) is found out by the next attempt to post."""

    def __init__(self, outbox: DeliveryLoop, database: Database) -> None:
        self._outbox = outbox
        self._database = database

    @commands.Cog.listener()
    async def on_guild_channel_update(self, _before: discord.abc.GuildChannel, after: discord.abc.GuildChannel) -> None:
        """Its permissions may have changed, and with them those of its threads."""
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
    async def on_thread_update(self, _before: discord.Thread, after: discord.Thread) -> None:
        """It may have been unlocked."""
        await _heard(self._outbox.permissions_changed(after.guild.id, after.id))

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back after an outage of Discord, or the bot has just connected."""
        await _heard(self._outbox.permissions_changed(guild.id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Nothing more can go there."""
        await _heard(self._outbox.channel_gone(channel.guild.id, channel.id, channel.name))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Raw: threads are often not in the cache."""
        name = payload.thread.name if payload.thread is not None else None
        await _heard(self._outbox.channel_gone(payload.guild_id, payload.thread_id, name))

    @commands.Cog.listener()
    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """A server with another boost takes files of another size."""
        if before.premium_tier != after.premium_tier:
            await _heard(self._forget_upload_limit(after.id))

    async def _forget_upload_limit(self, guild_id: int) -> None:
        async with self._database.transaction() as tx:
            await servers.set_upload_limit(tx, guild_id, None)


async def _heard(reaction: Awaitable[None]) -> None:
    """What the database does not take now is found out later, by the next attempt to post."""
    try:
        await reaction
    except sqlite3.Error as error:
        log.error("a change in Discord could not be followed: %s", error)
