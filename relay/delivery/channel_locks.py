"""Whose turn it is in a channel: one at a time, first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Turn:
    """A turn in one channel; to be entered once."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock = lock
        self._mine = False

    async def __aenter__(self) -> Turn:
        await self._take()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._mine:
            self._leave()

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Others have their turns for as long as the context is open. After a failure in it there is nothing left to
        do in the channel, and the turn is not waited for."""
        self._leave()
        yield
        await self._take()

    async def _take(self) -> None:
        await self._lock.acquire()
        self._mine = True

    def _leave(self) -> None:
        self._mine = False
        self._lock.release()


class ChannelLocks:
    """The turns of all channels; of those in which nobody has or wants one, nothing is kept."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def of(self, channel_id: int) -> Turn:
        """A turn, to be waited for."""
        lock = self._locks.get(channel_id)
        if lock is None:
            lock = self._locks[channel_id] = asyncio.Lock()
        return Turn(lock)
