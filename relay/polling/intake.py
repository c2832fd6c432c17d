"""Takes jobs from the database into the poller's queue, and out of it."""

from __future__ import annotations

import logging
from collections.abc import Collection
from random import Random

from relay.polling import schedule
from relay.polling.asking import Asking
from relay.polling.job_fetcher import Accounts
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from relay.ports import Clock
from storage import jobs, subscriptions
from storage.database import Database
from storage.jobs import OpenJob

log = logging.getLogger(__name__)

_PAGE = 2000


class Intake:
    """What has changed is marked in the sets, from anywhere; `take_in` follows."""

    def __init__(
        self,
        database: Database,
        recorder: JobRecorder,
        accounts: Accounts,
        clock: Clock,
        queue: JobQueue,
        asking: Asking,
        random: Random,
        *,
        interval: float,
    ) -> None:
        self._database = database
        self._recorder = recorder
        self._accounts = accounts
        self._clock = clock
        self._queue = queue
        self._asking = asking
        self._random = random
        self._interval = interval
        self._loaded_up_to: int | None = 0
        self._to_load = 0
        self.changed_jobs: set[int] = set()
        self.found_jobs: set[int] = set()
        """Of the changed ones, those about which nobody has asked yet."""
        self.claimed_jobs: set[int] = set()
        """A callback claims that they have ended."""
        self.changed_accounts: set[int] = set()

    @property
    def loading(self) -> bool:
        """Whether more is to be read at once."""
        return self._loaded_up_to is not None

    async def take_in(self) -> None:
        """Reads what is marked; at first everything, a part at each call. Raises StorageError as the database does:
        what was not taken in is then still marked."""
        await self._load()
        await self._take_in_changes()
        self._take_in_claims()

    async def _load(self) -> None:
        """One page, so that polling begins before everything is read."""
        if self._loaded_up_to is None:
            return
        if self._loaded_up_to == 0:
            self._to_load = await jobs.count_open(self._database.reader)
        page = await jobs.open_page(self._database.reader, self._loaded_up_to, _PAGE)
        for row in page:
            self._take_in(row, at_once=True)
        if page:
            self._loaded_up_to = page[-1].id
        else:
            self.changed_accounts.update(await subscriptions.accounts_with_held(self._database.reader))
            self._loaded_up_to = None
            log.info("%d jobs are polled", len(self._queue))

    async def _take_in_changes(self) -> None:
        """The marks are taken off before the database is read: one that is set meanwhile has it read again."""
        for account_id in list(self.changed_accounts):
            self.changed_accounts.discard(account_id)
            try:
                await self._take_in_account(account_id)
            except BaseException:  # A loop that is broken off reads it when it is begun again.
                self.changed_accounts.add(account_id)
                raise
        changed = set(self.changed_jobs)
        if not changed:
            return
        self.changed_jobs -= changed
        try:
            rows = {row.id: row for row in await jobs.open_among(self._database.reader, tuple(changed))}
        except BaseException:
            self.changed_jobs |= changed
            raise
        for job_id in changed:
            row = rows.get(job_id)
            if row is None:
                self._drop(job_id)
            else:
                self._take_in(row, at_once=False)
        self._look_at_found(self.found_jobs.intersection(changed))

    def _take_in_claims(self) -> None:
        for job in filter(None, map(self._queue.get, self.claimed_jobs)):
            job.claimed = True
            if not job.in_flight:
                self._asking.put(job, self._asking.if_claimed(job, job.due))
        # One that was added a moment ago is taken in at the next turn.
        if not self.loading:
            self.claimed_jobs.intersection_update(self.changed_jobs)

    def _look_at_found(self, found: Collection[int]) -> None:
        now = self._clock.monotonic()
        for job in filter(None, map(self._queue.get, found)):
            if job.asked_at is None and not job.in_flight:
                self._asking.put(job, schedule.first_look(now, self._interval, len(found), self._random))
        self.found_jobs.difference_update(found)

    async def _take_in_account(self, account_id: int) -> None:
        open_ids: set[int] = set()
        page = await jobs.open_page_of_account(self._database.reader, account_id, 0, _PAGE)
        while page:
            for row in page:
                open_ids.add(row.id)
                self._take_in(row, at_once=True)
            page = await jobs.open_page_of_account(self._database.reader, account_id, page[-1].id, _PAGE)
        for job in self._queue:
            # One that was added meanwhile is marked as changed and taken in right after.
            if job.account_id == account_id and job.id not in open_ids:
                self._drop(job.id)
        await self._recorder.deliver_held(account_id)

    def _drop(self, job_id: int) -> None:
        job = self._queue.get(job_id)
        if job is not None:
            self._queue.drop(job, self._clock.monotonic())

    def _take_in(self, row: OpenJob, *, at_once: bool) -> None:
        """Puts a job into the queue, or drops it where every server that waits has another account in force."""
        if all(self._accounts.in_force(guild_id) != row.account_id for guild_id in row.guilds):
            self._drop(row.id)
            return
        job = self._queue.get(row.id)
        if job is not None and job.account_id != row.account_id:
            self._drop(row.id)
            job = None
        new = job is None
        if job is None:
            job = self._queue.new(row.id, row.account_id, row.jobid)
            job.ran_until_noted = self._clock.now()
        job.watched_since = row.watched_since
        job.missing_since = row.missing_since
        job.has_card = row.has_card
        job.is_shown = row.is_shown
        if row.snapshot is not None:
            job.fingerprint = hash(row.snapshot)
            job.heard = None
        if job.in_flight:
            return
        if at_once:
            due = self._asking.catch_up(job, max(self._to_load, len(self._queue)))
            # One that has its time already is put off no further, however often its account changes.
            self._asking.put(job, due if new else min(due, job.due))
        elif new:
            # Somebody has just asked about it; where the API told nothing, there is no snapshot.
            job.seen_at = self._clock.monotonic() if row.snapshot is not None else None
            self._asking.put(job, self._asking.after_answer(job, self._clock.monotonic()))
        else:
            self._asking.put(job, job.due)
