"""Deletes what is kept no longer: a person who asks for it, ended jobs with everything that belongs to them a month
after their end, and overwritten secrets in the write-ahead log. Jobs on hold for a month are given up."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from relay.changes import Changes
from relay.cluster.ownership import ALONE, Ownership
from relay.failures import log_failure
from relay.ports import Clock
from storage import deletion
from storage.database import Database

_RETRY_SECONDS = 30.0


class Forgetting:
    """`/pixverse forget-me`."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def forget(self, user_id: int) -> None:
        """Deletes what is kept about a person, in every server. What they wait for still comes, without a ping; cards
        and summaries that name them are edited in time. Raises StorageError as the database does."""
        async with self._database.transaction() as tx:
            named = await deletion.forget_person(tx, user_id)
        for subscription_id in named:
            self._changes.subscription_changed(subscription_id)
        await self._database.flush()


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


log = logging.getLogger(__name__)

KEPT = 31 * 24 * 3600 * 1000
"""Milliseconds; useapi.net keeps a job's record for as long (PixVerse v1, get-pixverse-jobid)."""

_AT_ONCE = 100
"""Jobs of one transaction: nobody else can write meanwhile."""
_BETWEEN_SECONDS = 1.0
_LOOK_SECONDS = 3600.0
RETENTION = "retention"


class Retention:
    """One look an hour, in small steps."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        give_up_held: Callable[[int], Awaitable[None]],
        ownership: Ownership = ALONE,
    ) -> None:
        self._ownership = ownership
        self._database = database
        self._give_up_held = give_up_held
        self._clock = clock
        self.failures = 0
        """How many looks failed for a reason of this machine's own."""

    async def run(self) -> None:
        """Deletes until it is cancelled, whatever fails."""
        while True:
            try:
                if await self._ownership.take_named_lease(RETENTION):
                    await self.sweep()
            except Exception as error:
                # The loop's edge: what the database does not take now is deleted an hour later.
                self.failures += 1
                log_failure(log, error, "What is old could not be deleted")
            await self._clock.sleep(_LOOK_SECONDS)

    async def sweep(self) -> None:
        """Deletes everything that is old enough. Raises StorageError and OSError as database and disk do."""
        before = self._clock.now() - KEPT
        # Their records are gone at useapi.net by now, whatever their server decides.
        await self._give_up_held(before)
        jobs = 0
        while await deletion.old_jobs(self._database.reader, before, 1):
            async with self._database.transaction() as tx:
                jobs += await deletion.delete_old_jobs(tx, before, _AT_ONCE)
            await self._clock.sleep(_BETWEEN_SECONDS)
        async with self._database.transaction() as tx:
            await deletion.delete_old_batches(tx, before)
            await deletion.delete_old_notices(tx, before, _AT_ONCE)
            await deletion.delete_unused_accounts(tx)
        await self._database.delete_old_copies(before)
        if jobs:
            log.info("%d old jobs were deleted", jobs)
            await self._database.flush()
