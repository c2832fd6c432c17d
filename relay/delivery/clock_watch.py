"""Notices a wall clock that was set back, and what that means for the outbox."""

from __future__ import annotations

import logging

from relay.ports import Clock
from storage import sending
from storage.database import Database

log = logging.getLogger(__name__)

_SET_BACK = 5.0
"""Seconds from which on it counts as set, and not as adjusted."""


class ClockWatch:
    """Compares the wall clock with the one that never goes back, and at first with what stands in the outbox."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._offset: float | None = None

    async def look(self) -> None:
        """To be called often. Raises StorageError as the database does; the next call then does it."""
        offset = self._clock.now() / 1000 - self._clock.monotonic()
        if await self._was_set_back(offset):
            async with self._database.transaction() as tx:
                await sending.clock_went_back(tx, self._clock.now())
            log.warning("the clock was set back; what waited for the old time goes on now")
        self._offset = offset

    async def _was_set_back(self, offset: float) -> bool:
        if self._offset is None:
            return await sending.is_of_the_future(self._database.reader, self._clock.now())
        return offset < self._offset - _SET_BACK
