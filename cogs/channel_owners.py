"""Which server a channel is in. A channel's id may come from outside: from a command's option, or a stored row."""

from __future__ import annotations

from collections.abc import Mapping

import discord

_REMEMBERED = 10_000


class ChannelOwners:
    """Asks Discord once about a channel that the gateway does not tell of: an archived thread, for instance."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._asked: dict[int, int | None] = {}

    async def guild_of(self, channel_id: int) -> int | None:
        """The server's id; None for a channel that is in none, or of a kind that is not known.

        Raises discord.HTTPException where Discord refuses to tell, and what a broken connection raises.
        """
        known = self._client.get_channel(channel_id)
        if known is not None:
            return _guild_of(known)
        if channel_id not in self._asked:
            guild_id = await self._ask(channel_id)
            while len(self._asked) >= _REMEMBERED:
                del self._asked[next(iter(self._asked))]
            self._asked[channel_id] = guild_id
        return self._asked[channel_id]

    async def _ask(self, channel_id: int) -> int | None:
        # Not fetch_channel: it makes an object of the channel, which fails for a kind that discord.py does not know.
        told: Mapping[str, object] = await self._client.http.get_channel(channel_id)
        guild_id = told.get("guild_id")
        return int(guild_id) if isinstance(guild_id, str) else None


def _guild_of(channel: object) -> int | None:
    guild = getattr(channel, "guild", None)
    return None if guild is None else int(guild.id)
