"""Which server a channel is in. A channel's id may come from outside: from a command's option, or a stored row."""

from __future__ import annotations

from collections.abc import Mapping

import discord

_REMEMBERED = 10_000


class ChannelOwners:
    """Asks Discord once about a channel that the gateway does not tell of: an archived thread, for instance."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._asked: dict[int, int] = {}

    async def guild_of(self, channel_id: int) -> int | None:
        """The server's id; None for a channel that is in none.

        Raises discord.HTTPException where Discord refuses to tell, what a broken connection raises, and ValueError
        where a proxy answers in Discord's place. None of this is remembered.
        """
        known = self._client.get_channel(channel_id)
        if known is not None:
            return _guild_of(known)
        if channel_id in self._asked:
            return self._asked[channel_id]
        guild_id = await self._ask(channel_id)
        if guild_id is not None:
            while len(self._asked) >= _REMEMBERED:
                del self._asked[next(iter(self._asked))]
            self._asked[channel_id] = guild_id
        return guild_id

    async def _ask(self, channel_id: int) -> int | None:
        # Not fetch_channel: it makes an object of the channel, which fails for a kind that discord.py does not know.
        told: object = await self._client.http.get_channel(channel_id)
        if not isinstance(told, Mapping) or told.get("id") != str(channel_id):
            raise ValueError("that is no answer of Discord's about the channel")
        guild_id = told.get("guild_id")
        return None if guild_id is None else int(guild_id)


def _guild_of(channel: object) -> int | None:
    guild = getattr(channel, "guild", None)
    return None if guild is None else int(guild.id)
