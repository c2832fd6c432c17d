"""Channels that Discord hides from the bot, and the names that they had before.

Since November 2026 the gateway tells of a channel that the bot may not view under the name `___hidden___`, with a flag
and one overwrite that denies View Channel to everybody (discord-api-docs#8454). Neither its name nor its permissions
are the real ones then, and they stay in the cache where a role lets the bot in again. discord.py 2.7.1 does not keep
the flag.
"""

from __future__ import annotations

import discord

_NAME = "___hidden___"
_MOST = 10_000


def is_hidden(channel: discord.abc.GuildChannel | discord.Thread | None) -> bool:
    """Whether what the gateway tells of this channel, or of a thread's channel, is made up."""
    shown = channel.parent if isinstance(channel, discord.Thread) else channel
    if shown is None or shown.name != _NAME:
        return False
    overwrites = shown.overwrites
    everyone = overwrites.get(shown.guild.default_role)
    return len(overwrites) == 1 and everyone is not None and everyone.view_channel is False


def real_name(channel: discord.abc.GuildChannel | discord.Thread | None) -> str | None:
    """A channel's name; None where it is not known."""
    return None if channel is None or is_hidden(channel) else channel.name


class LastNames:
    """The last real names of hidden channels: in memory alone, and only while they are hidden."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._names)

    def keep(self, channel_id: int, name: str) -> None:
        """A channel of this name is hidden now."""
        self._names[channel_id] = name
        while len(self._names) > _MOST:
            del self._names[next(iter(self._names))]

    def take(self, channel_id: int) -> str | None:
        """The name of a channel that is shown again or gone, which is then forgotten."""
        return self._names.pop(channel_id, None)
