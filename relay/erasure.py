"""Empties the write-ahead log where that could not be done when a secret was overwritten."""

from __future__ import annotations

from relay.ports import Clock
from storage.database import Database

_RETRY_SECONDS = 30.0


class Erasure:
    """Tries again for as long as another program's reading holds the log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Looks every 30 s until it is cancelled."""
        while True:
            await self._clock.sleep(_RETRY_SECONDS)
            if self._database.flush_owed:
                await self._database.flush()
