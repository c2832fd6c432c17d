"""A database that takes no writes (a full disk, another program's lock) pauses the bot; cards say so until it does."""

from __future__ import annotations

import logging

from relay.changes import Changes
from relay.ports import Clock, Health
from storage.database import Database
from storage.errors import StorageError

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 30.0
"""A disk that is full for a moment is not worth an edit of every card, and another."""
_PROBE_SECONDS = 15.0


class Pauses:
    """Sleeps until a write is refused. Its cards are told at the beginning and at the end."""

    def __init__(self, database: Database, changes: Changes, health: Health, clock: Clock) -> None:
        self._database = database
        self._changes = changes
        self._health = health
        self._clock = clock

    async def run(self) -> None:
        """Watches until it is cancelled."""
        while True:
            self._database.refused.clear()
            await self._database.refused.wait()
            await self.until_over()

    async def until_over(self) -> None:
        """From a write that was refused until the database takes one."""
        await self._clock.sleep(_PATIENCE_SECONDS)
        if await self._takes_writes():
            return
        self._set(paused=True)
        while not await self._takes_writes():
            await self._clock.sleep(_PROBE_SECONDS)
        self._set(paused=False)

    def _set(self, *, paused: bool) -> None:
        if paused:
            log.error("the database has taken no write for %.0f s; cards say that the bot is paused", _PATIENCE_SECONDS)
        else:
            log.warning("the database takes writes again")
        self._health.paused = paused
        self._changes.writes_changed()

    async def _takes_writes(self) -> bool:
        try:
            await self._database.probe_write(self._clock.now())
        except (StorageError, OSError):
            return False
        return True
