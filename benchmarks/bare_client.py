"""A discord.py client that does nothing: `python -m benchmarks.bare_client <REST base> <token>`."""

from __future__ import annotations

import sys

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


class BareClient(discord.AutoShardedClient):
    """Has the bot's intents and caches."""

    def __init__(self) -> None:
        super().__init__(
            intents=discord.Intents(guilds=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
        )

    async def setup_hook(self) -> None:
        """Makes discord.py connect to the sandbox's gateway."""
        _, url, _ = await self.http.get_bot_gateway()
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)


def main() -> None:
    """Runs until it is killed."""
    Route.BASE = sys.argv[1]
    BareClient().run(sys.argv[2], log_handler=None)


if __name__ == "__main__":
    main()
