"""Channels: the permissions that the bot needs, the server that a channel is in, and channels hidden from the bot.

Permissions are named as in Discord's settings. A channel's id may come from outside (a command's option, a stored row),
so Discord is asked about channels that are not in the gateway's cache.

Since November 2026, the gateway sends channels that the bot may not view under the name `___hidden___`, with a flag and
one overwrite that denies View Channel to everybody (discord-api-docs#8454). Their name and permissions are not the real
ones, and they stay in the cache even if a role lets the bot in again. discord.py 2.7.1 does not keep the flag.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import discord

from ui.cannot_post import PERMISSIONS

_HIDDEN_NAME = "___hidden___"
_MAX_NAMES = 10_000
_MAX_OWNERS = 10_000


def is_hidden(channel: discord.abc.GuildChannel | discord.Thread | None) -> bool:
    """Whether the gateway hides this channel, or the parent of this thread, behind made-up values."""
    shown = channel.parent if isinstance(channel, discord.Thread) else channel
    if shown is None or shown.name != _HIDDEN_NAME:
        return False
    overwrites = shown.overwrites
    everyone = overwrites.get(shown.guild.default_role)
    return len(overwrites) == 1 and everyone is not None and everyone.view_channel is False


def real_name(channel: discord.abc.GuildChannel | discord.Thread | None) -> str | None:
    """A channel's name; None if it is unknown."""
    return None if channel is None or is_hidden(channel) else channel.name


class LastNames:
    """The last real names of hidden channels. They are kept in memory, and only while the channels are hidden."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def keep(self, channel_id: int, name: str) -> None:
        """Remembers the name of a channel that is now hidden."""
        self._names[channel_id] = name
        while len(self._names) > _MAX_NAMES:
            del self._names[next(iter(self._names))]

    def take(self, channel_id: int) -> str | None:
        """Returns and forgets the name of a channel that is visible again or gone."""
        return self._names.pop(channel_id, None)


class ChannelOwners:
    """Finds the server of a channel. Asks Discord, once, if the gateway does not know it, as for an archived thread."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._asked: dict[int, int] = {}

    async def guild_of(self, channel_id: int) -> int | None:
        """The id of the channel's server; None if the channel is in no server.

        Raises discord.HTTPException if Discord refuses, connection errors, and ValueError if a proxy responds in
        Discord's place. Failures are not remembered.
        """
        known = self._client.get_channel(channel_id)
        shown = known.parent if isinstance(known, discord.Thread) else known
        if isinstance(shown, discord.abc.GuildChannel) and is_hidden(shown):
            return await self._show(shown)
        if known is not None:
            return _guild_of(known)
        if channel_id in self._asked:
            return self._asked[channel_id]
        guild_id = await self._ask(channel_id)
        if guild_id is not None:
            while len(self._asked) >= _MAX_OWNERS:
                del self._asked[next(iter(self._asked))]
            self._asked[channel_id] = guild_id
        return guild_id

    async def _show(self, hidden: discord.abc.GuildChannel) -> int:
        """Corrects the cache if a role lets the bot into a hidden channel, which the gateway doesn't report."""
        found: Any = await self._read(hidden.id)
        hidden._update(hidden.guild, found)  # noqa: SLF001 - as for an event of the gateway
        return hidden.guild.id

    async def _ask(self, channel_id: int) -> int | None:
        guild_id = (await self._read(channel_id)).get("guild_id")
        return None if guild_id is None else int(guild_id)

    async def _read(self, channel_id: int) -> Mapping[str, Any]:
        # fetch_channel would make an object of the channel, which fails for types that discord.py does not know.
        found: object = await self._client.http.get_channel(channel_id)
        if not isinstance(found, Mapping) or found.get("id") != str(channel_id):
            raise ValueError("that is no answer of Discord's about the channel")
        return found


def _guild_of(channel: object) -> int | None:
    guild = getattr(channel, "guild", None)
    return None if guild is None else int(guild.id)


VIEW_CHANNEL = PERMISSIONS["view_channel"]

INVITE_PERMISSIONS = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
"""All permissions that the bot ever asks for."""


def missing_to_post(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """The missing permissions that keep the bot from posting at all."""
    send = "send_messages_in_threads" if in_thread else "send_messages"
    return tuple(PERMISSIONS[name] for name in ("view_channel", send) if not getattr(permissions, name))


def missing_to_post_well(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """All missing permissions, including those whose lack only makes results poorer."""
    rest = tuple(
        PERMISSIONS[name]
        for name in ("attach_files", "embed_links", "read_message_history")
        if not getattr(permissions, name)
    )
    return (*missing_to_post(permissions, in_thread=in_thread), *rest)


def is_locked(channel: object, permissions: discord.Permissions) -> bool:
    """Whether an interaction's channel is a locked thread in which the bot can't post, for lack of Manage Threads."""
    return isinstance(channel, discord.Thread) and channel.locked and not permissions.manage_threads


def is_thread(channel: object) -> bool:
    """Whether an interaction's channel is a thread; posts in forums are threads too."""
    return isinstance(channel, (discord.Thread, discord.app_commands.AppCommandThread))
