"""The bot's Discord client in the test's process, for scenarios that take a minute in the running bot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from discord_adapter.client import RelayClient, log_in, use_discord_at
from discord_adapter.gateway import stay_connected
from discord_adapter.shard_manager import ShardManager
from relay.cluster.identify_pacing import SessionStartLimit
from relay.ports import NoMeters
from sandbox.discord_wire import DiscordSandbox


class Listener(RelayClient):
    """A client that identifies without waiting for a slot."""

    def __init__(self) -> None:
        super().__init__(NoMeters())
        self.waits: list[float] = []
        self.started = self._nothing_to_start
        self.staying: asyncio.Task[None]

    async def _nothing_to_start(self) -> None:
        pass

    async def take_slot(self, _shard_id: int, _limit: SessionStartLimit) -> bool:
        return True

    async def sleep(self, seconds: float) -> None:
        """Sleeps at most 20 ms, and records waits of a second or more."""
        if seconds >= 1:
            self.waits.append(seconds)
        await asyncio.sleep(min(seconds, 0.02))


@asynccontextmanager
async def listening(discord: DiscordSandbox, *, patience: float = 5.0) -> AsyncIterator[Listener]:
    """A connected client that reconnects as the bot does. `patience` is the shard manager's."""
    use_discord_at(discord.api_url)
    client = Listener()
    await log_in(client, discord.bot_token, client.sleep)
    client.waits.clear()
    shards = ShardManager(client, client.take_slot, monotonic=time.monotonic, sleep=client.sleep, patience=patience)
    client.staying = asyncio.create_task(stay_connected(shards, client.sleep))
    try:
        await discord.until(lambda: discord.bot_connected)
        yield client
    finally:
        client.staying.cancel()
        await asyncio.gather(client.staying, return_exceptions=True)
        await client.close()
