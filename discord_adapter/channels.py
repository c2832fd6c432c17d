"""Channels: which permissions the bot needs in one, which server one is in, and which ones Discord hides from the bot.

Permissions have the names that Discord's settings show. A channel's id may come from outside (a command's option, a
stored row), so Discord is asked about a channel that the gateway's cache does not hold.

Since November 2026 the gateway sends a channel that the bot may not view under the name `___hidden___`, with a flag and
one overwrite that denies View Channel to everybody (discord-api-docs#8454). Neither its name nor its permissions are
the real ones then, and they stay in the cache where a role lets the bot in again. discord.py 2.7.1 does not keep the
flag.
"""

from __future__ import annotations

from collections.abc import Mapping

import discord

from ui.cannot_post import PERMISSIONS

_HIDDEN_NAME = "___hidden___"
_MAX_NAMES = 10_000
_MAX_OWNERS = 10_000


def is_hidden(channel: discord.abc.GuildChannel | discord.Thread | None) -> bool:
    """Whether the gateway hides this channel, or a thread's channel, behind made-up values."""
    shown = channel.parent if isinstance(channel, discord.Thread) else channel
    if shown is None or shown.name != _HIDDEN_NAME:
        return False
    overwrites = shown.overwrites
    everyone = overwrites.get(shown.guild.default_role)
    return len(overwrites) == 1 and everyone is not None and everyone.view_channel is False


def real_name(channel: discord.abc.GuildChannel | discord.Thread | None) -> str | None:
    """A channel's name; None where it is not known."""
    return None if channel is None or is_hidden(channel) else channel.name


class LastNames:
    """The last real names of hidden channels, in memory only and only while they are hidden."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def keep(self, channel_id: int, name: str) -> None:
        """Remembers the name of a channel that is hidden now."""
        self._names[channel_id] = name
        while len(self._names) > _MAX_NAMES:
            del self._names[next(iter(self._names))]

    def take(self, channel_id: int) -> str | None:
        """Forgets and returns the name of a channel that is visible again or gone."""
        return self._names.pop(channel_id, None)


class ChannelOwners:
    """Asks Discord once which server a channel is in that the gateway does not know, such as an archived thread."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._asked: dict[int, int] = {}

    async def guild_of(self, channel_id: int) -> int | None:
        """The server's id; None for a channel that is in none.

        Raises discord.HTTPException if Discord refuses, what a broken connection raises, and ValueError if a proxy
        responds in Discord's place. None of this is remembered.
        """
        known = self._client.get_channel(channel_id)
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

    async def _ask(self, channel_id: int) -> int | None:
        # Not fetch_channel: it makes an object of the channel, which fails for a kind that discord.py does not know.
        found: object = await self._client.http.get_channel(channel_id)
        if not isinstance(found, Mapping) or found.get("id") != str(channel_id):
            raise ValueError("that is no answer of Discord's about the channel")
        guild_id = found.get("guild_id")
        return None if guild_id is None else int(guild_id)


def _guild_of(channel: object) -> int | None:
    guild = getattr(channel, "guild", None)
    return None if guild is None else int(guild.id)


VIEW_CHANNEL = PERMISSIONS["view_channel"]

INVITE_PERMISSIONS = discord.Permissions(**dict.fromkeys(PERMISSIONS, True))
"""All that the bot ever asks for."""


def missing_to_post(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """The missing permissions without which nothing at all can be posted."""
    send = "send_messages_in_threads" if in_thread else "send_messages"
    return tuple(PERMISSIONS[name] for name in ("view_channel", send) if not getattr(permissions, name))


def missing_to_post_well(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """All missing permissions, including those that only make results poorer."""
    rest = tuple(
        PERMISSIONS[name]
        for name in ("attach_files", "embed_links", "read_message_history")
        if not getattr(permissions, name)
    )
    return (*missing_to_post(permissions, in_thread=in_thread), *rest)


def is_locked(channel: object, permissions: discord.Permissions) -> bool:
    """Whether a channel of an interaction is a locked thread, in which nothing can be posted without Manage Threads."""
    return isinstance(channel, discord.Thread) and channel.locked and not permissions.manage_threads


def is_thread(channel: object) -> bool:
    """Whether a channel of an interaction is a thread (a forum's post too)."""
    return isinstance(channel, (discord.Thread, discord.app_commands.AppCommandThread))
