"""Finds the jobs of followed accounts in the API's lists, and relays them to the following channels."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from model.states import AccountState
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import Ownership
from relay.failures import FailureSeries
from relay.follow.job_importer import JobImporter
from relay.polling import schedule
from relay.polling.job_fetcher import Accounts
from relay.polling.job_list import JobLists, ListRefreshed
from relay.polling.job_queue import JobQueue
from relay.polling.schedule import Timing
from relay.tasks import end_tasks
from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

_LONGEST_SLEEP_SECONDS = 30.0


@dataclass(slots=True)
class _FollowedAccount:
    """The state of the import of one account's lists."""

    task: asyncio.Task[None] | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    """By kind: the ids from lists that have not been imported yet."""
    settled: dict[str, frozenset[str]] = field(default_factory=dict)
    """By kind: the ids from the last imported list that need not be imported again."""

    def add_list(self, kind: str, listed: frozenset[str]) -> None:
        """Adds a list to be imported. The ids of earlier lists that could not be imported are kept, because their jobs
        may have ended since."""
        self.lists[kind] = self.lists.get(kind, frozenset()) | listed


class AccountFollower:
    """Runs one loop for each followed account, so that no account delays another.

    A follow is in effect only while the server uses its own account and follows that account; otherwise it is paused.
    `kinds` are the kinds of lists that the API has.
    """

    def __init__(
        self,
        importer: JobImporter,
        job_lists: JobLists,
        accounts: Accounts,
        queue: JobQueue,
        timing: Timing,
        *,
        kinds: Sequence[str],
        ownership: Ownership,
    ) -> None:
        self._importer = importer
        self._job_lists = job_lists
        self._accounts = accounts
        self._queue = queue
        self._ownership = ownership
        self._clock = timing.clock
        self._timing = timing
        self._kinds = kinds
        self._followed: dict[int, _FollowedAccount] = {}
        self._reading = FailureSeries(log, "the follows could not be read")
        self._changed = asyncio.Event()
        self.failures = 0
        """How often something other than the API failed."""
        self.heartbeat = self._clock.monotonic()
        """When the loop last turned, in monotonic seconds. It turns at least every 30 seconds."""
        job_lists.refreshed.listen(self._list_refreshed)
        job_lists.refused.listen(self._list_refused)

    def changed(self) -> None:
        """Makes every list be checked again, because a follow has begun or ended, or a server uses another account."""
        for account_id, followed in self._followed.items():
            # A new dict, so that a list that is being imported now settles nothing for a channel that came since.
            followed.settled = {}
            for kind, listed in self._latest_lists(account_id).items():
                followed.add_list(kind, listed)
            followed.woken.set()
        self._changed.set()

    async def run(self) -> None:
        """Follows accounts until it is cancelled. Failures are logged, counted and retried."""
        try:
            while True:
                await self._turn()
                seconds = min(self._timing.interval, _LONGEST_SLEEP_SECONDS)
                await sleep_unless_woken(self._clock, seconds, self._changed)
        finally:
            await end_tasks(followed.task for followed in self._followed.values() if followed.task is not None)
            self._followed.clear()

    # ---- which accounts ---------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.heartbeat = self._clock.monotonic()
        try:
            account_ids = await self._importer.followed_accounts()
            self._reading.worked()
        except Exception as error:
            # Broad, so that the loop goes on, and with it the accounts that are already followed.
            self.failures += 1
            self._reading.failed(error)
            return
        usable = set(filter(self._is_usable, account_ids))
        self._job_lists.keep_up(usable)
        for account_id in self._followed.keys() - usable:
            task = self._followed.pop(account_id).task
            if task is not None:
                task.cancel()
        new = usable - self._followed.keys()
        for account_id in new:
            followed = self._followed[account_id] = _FollowedAccount(lists=self._latest_lists(account_id))
            now = self._clock.monotonic()
            begin = schedule.first_request_at(now, self._timing.interval, len(new), self._timing.random)
            followed.task = asyncio.create_task(self._follow(account_id, followed, begin), name=f"follow {account_id}")

    def _latest_lists(self, account_id: int) -> dict[str, frozenset[str]]:
        """The lists that are already known, so that nobody has to wait for the next ones."""
        return {kind: self._job_lists.latest(account_id, kind) for kind in self._kinds}

    def _is_usable(self, account_id: int) -> bool:
        is_ok = self._accounts.state_of(account_id) is AccountState.OK
        return is_ok and self._accounts.token_of(account_id) is not None and self._ownership.owns_account(account_id)

    # ---- one account ------------------------------------------------------------------------------------------------

    async def _follow(self, account_id: int, followed: _FollowedAccount, begin: float) -> None:
        looking = FailureSeries(log, f"following account {account_id} failed")
        await self._clock.sleep(begin - self._clock.monotonic())
        while True:
            try:
                due = await self._request_lists(account_id, followed)
                looking.worked()
            except Exception as error:
                # Broad, so that the account is tried again.
                self.failures += 1
                due = self._clock.monotonic() + max(self._timing.interval, looking.failed(error))
            due += self._timing.interval * schedule.JITTER * self._timing.random.random()
            await sleep_unless_woken(self._clock, due - self._clock.monotonic(), followed.woken)

    async def _request_lists(self, account_id: int, followed: _FollowedAccount) -> float:
        """Requests the lists that are due, and imports new jobs; returns when the next list is due, in monotonic
        seconds."""
        # `_turn` ends this loop, but not while the database can't be read, which may be why the account was lost.
        if not self._ownership.owns_account(account_id):
            return self._clock.monotonic() + self._timing.interval
        due = [await self._job_lists.refresh(account_id, kind) for kind in self._kinds]
        while followed.lists:
            kind, listed = followed.lists.popitem()
            try:
                await self._import_listed(account_id, followed, kind, listed)
            except StorageUnavailable:
                followed.add_list(kind, listed)
                raise
        return min(due)

    async def _import_listed(
        self, account_id: int, followed: _FollowedAccount, kind: str, listed: frozenset[str]
    ) -> None:
        settled = followed.settled
        settled[kind] = settled.get(kind, frozenset()) & listed
        new = listed - settled[kind]
        if new:
            result = await self._importer.import_jobs(account_id, sorted(new))
            settled[kind] = listed - result.left_out

    def _list_refreshed(self, refreshed: ListRefreshed) -> None:
        followed = self._followed.get(refreshed.account_id)
        if followed is not None and refreshed.kind in self._kinds:
            followed.add_list(refreshed.kind, refreshed.jobs)
            if refreshed.jobs - followed.settled.get(refreshed.kind, frozenset()):
                followed.woken.set()

    def _list_refused(self, account_id: int) -> None:
        """Has the token tried if no job is polled, because then no other request would show that it does not work."""
        if account_id in self._followed and not self._queue.of_account(account_id):
            self._accounts.doubt(account_id)
