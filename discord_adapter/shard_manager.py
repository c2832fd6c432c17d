"""Manages the gateway shards of this process. Each has its own connection; shards are added and dropped at run time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Iterable
from typing import Never

from discord_adapter.client import RelayClient
from discord_adapter.shard_connection import (
    ENDED,
    PATIENCE,
    RESUMABLE,
    IdentifyTurns,
    LostSession,
    ShardConnection,
    TakeSlot,
)
from model.discord_ids import shard_of
from relay.cluster.identify_pacing import SessionStartLimit
from relay.ports import Sleep
from relay.tasks import end_tasks


class OtherShardCount(Exception):
    """The bot now has another number of shards than this process has connected its own with."""


class ShardManager:
    """Connects and closes shards. `monotonic` returns seconds; `patience` is in seconds."""

    def __init__(
        self,
        client: RelayClient,
        take_slot: TakeSlot,
        *,
        monotonic: Callable[[], float],
        sleep: Sleep,
        patience: float = PATIENCE,
    ) -> None:
        self.client = client
        self._turns = IdentifyTurns(client, take_slot, monotonic)
        self._monotonic = monotonic
        self._sleep = sleep
        self._patience = patience
        self._connections: dict[int, ShardConnection] = {}
        self._tasks: dict[int, asyncio.Task[Never]] = {}
        self._away_since: dict[int, float] = {}
        """Since when each shard has been away. Kept from `end` or `give_up` until `connect`, or until another process
        holds the shard; for shards that were connected at `end`, the time of `end`."""
        self._nothing_since: float | None = monotonic()
        """Since when no shard has been held; None between `begin` and `end`."""
        self._detached: dict[int, LostSession | None] = {}
        self._begun = monotonic()
        self._came_up = False
        self._failure: asyncio.Future[Never]
        self.failures = 0
        """How often discord.py failed for reasons other than the network, Discord or the settings."""

    @property
    def held(self) -> frozenset[int]:
        """The shards that are connected, or about to be."""
        return frozenset(self._connections)

    @property
    def connected(self) -> frozenset[int]:
        """The shards whose events this process receives now."""
        return frozenset(
            shard_id for shard_id, connection in self._connections.items() if connection.away_since is None
        )

    def begin(self, shard_count: int) -> None:
        """Begins with no shards connected; the bot has `shard_count` in total."""
        self.client.shard_count = shard_count
        self.client._connection.shard_count = shard_count  # noqa: SLF001 - what IDENTIFY names
        self._failure = asyncio.get_running_loop().create_future()
        self._detached.clear()
        self._away_since = {shard_id: since for shard_id, since in self._away_since.items() if shard_id < shard_count}
        self._nothing_since, self._begun, self._came_up = None, self._monotonic(), False

    def lasted(self, seconds: float) -> bool:
        """Whether a shard has connected since `begin`, and `begin` was at least `seconds` ago."""
        return self._came_up and self._monotonic() - self._begun >= seconds

    async def failure(self) -> Never:
        """Waits until one of the shards must not reconnect, and raises what its connection raised."""
        await asyncio.shield(self._failure)

    def check(self) -> None:
        """Raises what `failure` raises, if a shard has already failed."""
        if self._failure.done():
            self._failure.result()

    def connect(self, shard_id: int) -> None:
        """Starts to connect a shard, unless it is already held."""
        if shard_id in self._connections:
            return
        connection = ShardConnection(
            self.client,
            shard_id,
            self._turns,
            monotonic=self._monotonic,
            sleep=self._sleep,
            patience=self._patience,
            lost=self._detached.pop(shard_id, None),
        )
        connection.away_since = self._away_since.pop(shard_id, connection.away_since)
        task = asyncio.create_task(connection.run(), name=f"shard {shard_id}")
        self._connections[shard_id], self._tasks[shard_id] = connection, task
        task.add_done_callback(self._ended)

    async def add(self, shard_id: int) -> None:
        """Connects a shard, and returns once Discord sends its events here.

        Another process may hold the shard at the same time; then both receive every event. Raises what `failure`
        raises.
        """
        self.connect(shard_id)
        ready = asyncio.ensure_future(self._connections[shard_id].first_ready.wait())
        failed = asyncio.ensure_future(self.failure())
        try:
            await asyncio.wait([ready, failed], return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                await failed
        finally:
            ready.cancel()
            failed.cancel()

    @property
    def detached(self) -> frozenset[int]:
        """The shards that were closed temporarily; their servers are still known."""
        return frozenset(self._detached)

    async def detach(self, shard_ids: Collection[int]) -> None:
        """Closes these shards temporarily. A shard that is connected again soon resumes its session, and misses
        nothing."""
        connections = {shard_id: self._connections[shard_id] for shard_id in shard_ids}
        await self._end(dict.fromkeys(connections, RESUMABLE))
        self._detached |= {shard_id: connection.lost for shard_id, connection in connections.items()}

    async def drop(self, shard_id: int) -> None:
        """Closes a shard that another process now holds, and forgets its servers."""
        await self._end({shard_id: RESUMABLE})
        self._detached.pop(shard_id, None)
        for guild in list(self.client.guilds):
            if shard_of(guild.id, self.client.shard_count or 1) == shard_id:
                self.client._connection._remove_guild(guild)  # noqa: SLF001 - nobody tells of its changes any more

    async def give_up(self, shard_id: int) -> None:
        """Closes a shard that can't connect. It counts as away until `connect` or `held_elsewhere` is called."""
        since = self._connections[shard_id].away_since
        await self.drop(shard_id)
        if since is not None:
            self._away_since[shard_id] = since

    def held_elsewhere(self, shard_ids: Iterable[int]) -> None:
        """Notes that other processes hold these shards."""
        for shard_id in shard_ids:
            self._away_since.pop(shard_id, None)

    async def end(self) -> None:
        """Closes every shard for good."""
        now = self._monotonic()
        self._away_since |= {
            shard_id: now if connection.away_since is None else connection.away_since
            for shard_id, connection in self._connections.items()
        }
        self._nothing_since = min(self._away_since.values(), default=now)
        self._came_up = any(connection.first_ready.is_set() for connection in self._connections.values())
        await self._end(dict.fromkeys(self._connections, ENDED))

    async def _end(self, codes: dict[int, int]) -> None:
        tasks = []
        for shard_id, code in codes.items():
            if shard_id in self._connections:
                self._connections.pop(shard_id).close_code = code
                tasks.append(self._tasks.pop(shard_id))
        await end_tasks(tasks)

    def _ended(self, task: asyncio.Task[Never]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not self._failure.done():
            self._failure.set_exception(error)
            self._failure.exception()  # Marks it as retrieved, even if nobody waits.

    def away_for(self) -> float:
        """The longest time in seconds for which a shard has been away, including failed attempts and shards that this
        process has given up and no other has taken; 0 if all are connected."""
        held = (connection.away_since for connection in self._connections.values())
        since = [self._nothing_since, *held, *self._away_since.values()]
        return max((self._monotonic() - at for at in since if at is not None), default=0.0)

    def failing_for(self, shard_id: int) -> float:
        """Seconds for which a held shard has failed to connect; 0 if it is connected, or if no attempt has failed."""
        since = self._connections[shard_id].failing_since
        return 0.0 if since is None else self._monotonic() - since

    def identifies(self) -> SessionStartLimit | None:
        """Discord's session start limit, as far as this process knows it; None until it has been requested."""
        return self._turns.known()

    def slowest_latency(self) -> float:
        """Seconds between a heartbeat and its response for the slowest shard; NaN if none is connected."""
        latencies = (connection.latency for connection in self._connections.values())
        return max((latency for latency in latencies if math.isfinite(latency)), default=math.nan)
