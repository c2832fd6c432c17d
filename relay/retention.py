"""Deletes ended jobs with everything that belongs to them a month after their end, gives up jobs that have been on hold
for a month, and keeps deleted secrets out of the database's write-ahead log."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection

from relay.cluster.ownership import ALONE, Ownership
from relay.failures import log_failure
from relay.ports import Clock
from storage import deletion
from storage.database import Database

log = logging.getLogger(__name__)

KEPT = 31 * 24 * 3600 * 1000
"""Milliseconds. useapi.net keeps a job's record just as long (PixVerse v1, get-pixverse-jobid)."""

_LAST_EDITS = 24 * 3600 * 1000
"""Milliseconds for which an old job is kept at most, after a channel has stopped waiting for it, until the channel's
card says so."""
_AT_ONCE = 100
"""Jobs or notices deleted in one transaction, which blocks all other writes."""
_BETWEEN_SECONDS = 1.0
_LOOK_SECONDS = 3600.0
_ERASE_SECONDS = 30.0
RETENTION = "retention"


class Retention:
    """Deletes old data once an hour, in small transactions."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        give_up_on_hold: Callable[[int], Awaitable[None]],
        accounts_deleted: Callable[[Collection[int]], None],
        ownership: Ownership = ALONE,
    ) -> None:
        self._ownership = ownership
        self._database = database
        self._give_up_on_hold = give_up_on_hold
        self._accounts_deleted = accounts_deleted
        self._clock = clock
        self.failures = 0
        """How many sweeps failed."""

    async def run(self) -> None:
        """Deletes old data until it is cancelled. Failures are logged, counted and retried an hour later."""
        while True:
            try:
                if await self._ownership.take_named_lease(RETENTION):
                    await self.sweep()
            except Exception as error:
                self.failures += 1
                log_failure(log, error, "What is old could not be deleted")
            await self._clock.sleep(_LOOK_SECONDS)

    async def erase(self) -> None:
        """Empties the write-ahead log later if another program that read the database kept it from being emptied at
        once. Runs until it is cancelled."""
        while True:
            await self._clock.sleep(_ERASE_SECONDS)
            if self._database.flush_owed:
                await self._database.flush()

    async def sweep(self) -> None:
        """Deletes everything that is old enough. Raises StorageError and OSError if the database or disk fails."""
        now = self._clock.now()
        before, stopped_before = now - KEPT, now - _LAST_EDITS
        # useapi.net has deleted the records of these jobs by now, so nothing is left for their servers to decide.
        await self._give_up_on_hold(before)
        jobs = 0
        while await deletion.old_jobs(self._database.reader, before, 1, stopped_before=stopped_before):
            async with self._database.transaction() as tx:
                jobs += await deletion.delete_old_jobs(tx, before, _AT_ONCE, stopped_before=stopped_before)
            await self._clock.sleep(_BETWEEN_SECONDS)
        while await self._delete_notices(before) == _AT_ONCE:
            await self._clock.sleep(_BETWEEN_SECONDS)
        async with self._database.transaction() as tx:
            await deletion.delete_old_batches(tx, before)
            accounts = await deletion.delete_unused_accounts(tx)
        self._accounts_deleted(accounts)
        await self._database.delete_old_copies(before)
        if jobs:
            log.info("%d old jobs were deleted", jobs)
            await self._database.flush()

    async def _delete_notices(self, before: int) -> int:
        async with self._database.transaction() as tx:
            return await deletion.delete_old_notices(tx, before, _AT_ONCE)
