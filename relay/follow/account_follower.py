"""Whole accounts: finds the jobs of accounts that are followed, and relays them to the channels that follow."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from model.states import AccountState
from relay.clock import sleep_unless_woken
from relay.failures import FailureSeries
from relay.follow.job_importer import FollowedAccounts, JobImporter
from relay.polling import schedule
from relay.polling.job_list import JobLists, ListRefreshed
from relay.ports import Clock
from storage import follows
from storage.database import Queries

log = logging.getLogger(__name__)

_LONGEST_SLEEP_SECONDS = 30.0


class JobCount(Protocol):
    """The poller, as follows see it."""

    def watches(self, account_id: int) -> bool:
        """Whether any of the account's jobs is asked about."""


@dataclass(slots=True)
class _Course:
    """How far the lists of one account have been dealt with."""

    task: asyncio.Task[None] | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    """New lists by kind, with which nothing was done yet."""
    settled: dict[str, frozenset[str]] = field(default_factory=dict)
    """Ids of the last list of each kind for which nothing more is to be done."""


class AccountFollower:
    """Runs one loop for each followed account, so that none holds up another. `kinds` are those of the API's lists.

    A follow holds only for the server's own account, while that is in force there; with another account it rests.
    """

    def __init__(
        self,
        reader: Queries,
        importer: JobImporter,
        job_lists: JobLists,
        accounts: FollowedAccounts,
        poller: JobCount,
        clock: Clock,
        *,
        kinds: Sequence[str],
        interval: float,
        random: Random,
    ) -> None:
        self._reader = reader
        self._importer = importer
        self._job_lists = job_lists
        self._accounts = accounts
        self._poller = poller
        self._clock = clock
        self._kinds = kinds
        self._interval = interval
        self._random = random
        self._courses: dict[int, _Course] = {}
        self._reading = FailureSeries(log, "the follows could not be read")
        self._changed = asyncio.Event()
        self.failures = 0
        """How often something went wrong that was no answer of the API."""
        self.beat = clock.monotonic()
        """When the loop last turned, monotonic seconds; it turns at least every 30 s."""
        job_lists.refreshed.listen(self._list_came)
        job_lists.refused.listen(self._list_refused)

    def changed(self) -> None:
        """A follow was begun or has ended, or another account is in force somewhere: everything is looked at anew."""
        for account_id, course in self._courses.items():
            # Another one, so that a list which is just being imported settles nothing for whoever came meanwhile.
            course.settled = {}
            course.lists = self._latest(account_id)
            course.woken.set()
        self._changed.set()

    async def run(self) -> None:
        """Follows until it is cancelled. Whatever fails is logged, counted and tried again."""
        try:
            while True:
                await self._turn()
                await sleep_unless_woken(self._clock, min(self._interval, _LONGEST_SLEEP_SECONDS), self._changed)
        finally:
            tasks = [course.task for course in self._courses.values() if course.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._courses.clear()

    async def import_jobs(self, account_id: int, jobids: Collection[str]) -> list[int]:
        """Relays these jobs of the account to every channel that follows it; see relay.ports.JobImports."""
        return (await self._importer.import_jobs(account_id, jobids)).found

    # ---- which accounts ---------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.beat = self._clock.monotonic()
        try:
            rows = await follows.every(self._reader)
            self._reading.worked()
        except Exception as error:
            # The loop's edge: what is followed already goes on.
            self.failures += 1
            self._reading.failed(error)
            return
        followed = {row.account_id for row in rows if self._importer.holds(row) and self._may_ask(row.account_id)}
        self._job_lists.keep_up(followed)
        for account_id in self._courses.keys() - followed:
            task = self._courses.pop(account_id).task
            if task is not None:
                task.cancel()
        new = followed - self._courses.keys()
        for account_id in new:
            course = self._courses[account_id] = _Course(lists=self._latest(account_id))
            begin = schedule.first_look(self._clock.monotonic(), self._interval, len(new), self._random)
            course.task = asyncio.create_task(self._keep_up(account_id, course, begin), name=f"follow {account_id}")

    def _latest(self, account_id: int) -> dict[str, frozenset[str]]:
        """What is known already, so that nobody waits for the next list."""
        return {kind: self._job_lists.latest(account_id, kind) for kind in self._kinds}

    def _may_ask(self, account_id: int) -> bool:
        return (
            self._accounts.state_of(account_id) is AccountState.OK and self._accounts.token_of(account_id) is not None
        )

    # ---- one account ------------------------------------------------------------------------------------------------

    async def _keep_up(self, account_id: int, course: _Course, begin: float) -> None:
        looking = FailureSeries(log, f"following account {account_id} failed")
        await self._clock.sleep(begin - self._clock.monotonic())
        while True:
            try:
                due = await self._look(account_id, course)
                looking.worked()
            except Exception as error:
                # The edge of one account: the others go on.
                self.failures += 1
                due = self._clock.monotonic() + max(self._interval, looking.failed(error))
            due += self._interval * schedule.JITTER * self._random.random()
            await sleep_unless_woken(self._clock, due - self._clock.monotonic(), course.woken)

    async def _look(self, account_id: int, course: _Course) -> float:
        """Asks for the lists that are due, takes what they name; returns when the next is due, monotonic seconds."""
        due = [await self._job_lists.refresh(account_id, kind) for kind in self._kinds]
        while course.lists:
            kind, listed = course.lists.popitem()
            await self._take_listed(account_id, course, kind, listed)
        return min(due)

    async def _take_listed(self, account_id: int, course: _Course, kind: str, listed: frozenset[str]) -> None:
        settled = course.settled
        settled[kind] = settled.get(kind, frozenset()) & listed
        new = listed - settled[kind]
        if not new:
            return
        result = await self._importer.import_jobs(account_id, sorted(new))
        settled[kind] = listed - result.left_out

    def _list_came(self, refreshed: ListRefreshed) -> None:
        course = self._courses.get(refreshed.account_id)
        if course is not None and refreshed.kind in self._kinds:
            course.lists[refreshed.kind] = refreshed.jobs
            if refreshed.jobs - course.settled.get(refreshed.kind, frozenset()):
                course.woken.set()

    def _list_refused(self, account_id: int) -> None:
        """Where no job is polled, nothing else would tell that the token is in trouble."""
        if account_id in self._courses and not self._poller.watches(account_id):
            self._accounts.doubt(account_id)
