"""Empties the database's write-ahead log of deleted secrets once another program no longer reads the database."""

from __future__ import annotations

from relay.ports import Clock
from storage.database import Database

_RETRY_SECONDS = 30.0


class Erasure:
    """Tries `Database.flush` again for as long as the database owes it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Looks every 30 s whether a flush is owed, until it is cancelled."""
        while True:
            await self._clock.sleep(_RETRY_SECONDS)
            if self._database.flush_owed:
                await self._database.flush()
