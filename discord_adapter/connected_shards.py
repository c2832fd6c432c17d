"""Which shards of the gateway are connected, and for how long some have not been."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class ShardsUp:
    """The connected shards, kept up to date by the client's events. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._up: set[int] = set()
        self._begun = self._since = monotonic()
        self._came_up = False
        self._away_since = {0: self._begun}
        self._lost = asyncio.Event()

    def begin(self) -> None:
        """Begins again: all shards are about to be connected."""
        for shard_id in self._up:
            self._away_since[shard_id] = self._monotonic()
        self._up.clear()
        self._begun = self._since = self._monotonic()
        self._came_up = False

    def up(self, shard_id: int) -> None:
        """This shard is connected (again)."""
        self._up.add(shard_id)
        self._away_since.pop(shard_id, None)
        self._since = self._monotonic()
        self._came_up = True

    def down(self, shard_id: int) -> None:
        """This shard lost its connection, or failed once more to get one."""
        if shard_id in self._up:
            self._up.remove(shard_id)
            self._since = self._away_since[shard_id] = self._monotonic()
            self._lost.set()

    async def until_lost(self, count: int) -> None:
        """Returns once not all of `count` shards are up."""
        while len(self._up) >= count:
            self._lost.clear()
            await self._lost.wait()

    def stuck_for(self, count: int) -> float:
        """For how many seconds some of the `count` shards have been away and none has connected; 0 if all are."""
        return 0.0 if len(self._up) >= count else self._monotonic() - self._since

    def away_for(self, count: int) -> float:
        """The longest time in seconds for which one of the `count` shards has been away, including failed attempts to
        reconnect; 0 if all are connected."""
        away = [shard_id for shard_id in range(count) if shard_id not in self._up]
        now = self._monotonic()
        return max((now - self._away_since.setdefault(shard_id, self._begun) for shard_id in away), default=0.0)

    def lasted(self, seconds: float) -> bool:
        """Whether a shard has connected since `begin`, and `begin` was at least `seconds` ago."""
        return self._came_up and self._monotonic() - self._begun >= seconds
