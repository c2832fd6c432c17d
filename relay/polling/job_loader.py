"""Keeps the poller's queue in step with the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from relay.cluster.ownership import ALONE, Ownership
from relay.polling.job_fetcher import Accounts
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from storage import jobs, subscriptions
from storage.database import Database
from storage.jobs import OpenJob

log = logging.getLogger(__name__)

_PAGE = 2000


class JobLoader:
    """Notes which jobs and accounts have changed and wakes the poller, which then calls `load`."""

    def __init__(
        self,
        database: Database,
        recorder: JobRecorder,
        accounts: Accounts,
        queue: JobQueue,
        ownership: Ownership = ALONE,
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._recorder = recorder
        self._accounts = accounts
        self._queue = queue
        self.woken = asyncio.Event()
        """Set when something is to be loaded, or when the poller should look again for another reason. The poller
        clears it."""
        self._loaded_up_to: int | None = 0
        self._open_jobs = 0
        self._changed_jobs: set[int] = set()
        self._found_jobs: set[int] = set()
        """Those of the changed jobs that have not been requested from the API yet."""
        self._reported_ends: set[int] = set()
        self._changed_accounts: dict[int, None] = {}
        """In the order in which they were marked."""

    @property
    def loading(self) -> bool:
        """Whether there is more to load at once."""
        return self._loaded_up_to is not None or bool(self._changed_accounts)

    def job_changed(self, job_id: int) -> None:
        """Marks a job whose watchers have changed, or that has ended."""
        self._changed_jobs.add(job_id)
        self.woken.set()

    def jobs_found(self, job_ids: Collection[int]) -> None:
        """Marks jobs that are newly watched and have not been requested from the API yet."""
        self._found_jobs.update(job_ids)
        self._changed_jobs.update(job_ids)
        self.woken.set()

    def end_reported(self, job_id: int) -> None:
        """Marks a job whose end a callback reports: its record is requested at once, within the schedule's bounds."""
        self._reported_ends.add(job_id)
        self.woken.set()

    def account_changed(self, account_id: int) -> None:
        """Marks an account whose token, state or servers have changed."""
        self._changed_accounts[account_id] = None
        self.woken.set()

    async def load(self) -> None:
        """Loads what is marked, and after a start everything.

        Each call loads at most one page of jobs, and accounts that together have about one page of jobs. So polling
        begins before everything is loaded.

        Raises StorageError; what was not loaded then stays marked.
        """
        await self._load_accounts()
        await self._load_page()
        await self._load_changes()
        self._reported_ends = {job_id for job_id in self._reported_ends if not self._queue.report_end(job_id)}
        if self.loading:
            self.woken.set()
        else:  # Jobs that were marked while this call was loading are loaded by the next call.
            self._reported_ends &= self._changed_jobs

    async def _load_page(self) -> None:
        if self._loaded_up_to is None:
            return
        if self._loaded_up_to == 0:
            self._open_jobs = await jobs.count_open(self._database.reader)
        page = await jobs.open_page(self._database.reader, self._loaded_up_to, _PAGE)
        for row in page:
            self._put_one_of_many(row)
        if page:
            self._loaded_up_to = page[-1].id
        else:
            held = await subscriptions.accounts_with_held(self._database.reader)
            self._changed_accounts |= dict.fromkeys(held)
            self._loaded_up_to = None
            log.info("%d jobs are polled", len(self._queue))

    async def _load_accounts(self) -> None:
        """Loads the marked accounts. Each mark is removed before its account is read, so an account that is marked
        again meanwhile is read again."""
        for account_id in [one for one in self._changed_accounts if not self._ownership.owns_account(one)]:
            # An account that this process has lost needs no database: perhaps it was lost with the connection to it.
            del self._changed_accounts[account_id]
            self._remove_all(account_id, but=frozenset())
        read = 0
        for account_id in list(self._changed_accounts):
            del self._changed_accounts[account_id]
            try:
                read += await self._load_account(account_id)
            except BaseException:  # If the loop is cancelled, it reads the account after its restart.
                self._changed_accounts[account_id] = None
                raise
            if read >= _PAGE:
                return

    async def _load_account(self, account_id: int) -> int:
        """Loads the jobs of an account; returns how many there are."""
        open_ids: set[int] = set()
        page = await jobs.open_page(self._database.reader, 0, _PAGE, account_id)
        while page:
            for row in page:
                open_ids.add(row.id)
                self._put_one_of_many(row)
            page = await jobs.open_page(self._database.reader, page[-1].id, _PAGE, account_id)
        # A job that was added meanwhile is marked as changed, and read right after this.
        self._remove_all(account_id, but=open_ids)
        await self._recorder.deliver_on_hold(account_id)
        return len(open_ids)

    def _remove_all(self, account_id: int, *, but: Collection[int]) -> None:
        for job in self._queue.jobs_of_account(account_id):
            if job.id not in but:
                self._queue.remove(job.id)

    async def _load_changes(self) -> None:
        changed = set(self._changed_jobs)
        if not changed:
            return
        self._changed_jobs -= changed
        try:
            rows = {row.id: row for row in await jobs.open_among(self._database.reader, tuple(changed))}
        except BaseException:
            self._changed_jobs |= changed
            raise
        for job_id in changed:
            row = rows.get(job_id)
            if row is not None and self._is_polled(row):
                self._queue.add(row)
            else:
                self._queue.remove(job_id)
        found = self._found_jobs & changed
        self._queue.request_soon(found)
        self._found_jobs -= found

    def _put_one_of_many(self, row: OpenJob) -> None:
        if self._is_polled(row):
            self._queue.add_one_of_many(row, self._open_jobs)
        else:
            self._queue.remove(row.id)

    def _is_polled(self, row: OpenJob) -> bool:
        """Whether this process owns the job's account, and at least one server that waits for the job uses that
        account."""
        return self._ownership.owns_account(row.account_id) and any(
            self._accounts.in_force(guild_id) == row.account_id for guild_id in row.guilds
        )
