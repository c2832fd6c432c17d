"""Asks about every job that is waited for, when it is due, and hands on what is new."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from random import Random

from relay.clock import sleep_unless_woken
from relay.failures import FailureSeries, log_failure
from relay.polling import schedule
from relay.polling.asking import Asking
from relay.polling.intake import Intake
from relay.polling.job_fetcher import Accounts, JobFetcher
from relay.polling.job_list import JobLists, ListRefreshed
from relay.polling.job_queue import JobQueue, Polls, Watched
from relay.polling.job_recorder import JobRecorder
from relay.polling.probes import Probes
from relay.ports import Clock
from storage.database import Database

log = logging.getLogger(__name__)

AT_ONCE = 128
"""Questions under way at once."""

_LONGEST_SLEEP_SECONDS = 30.0


Action = Callable[[Watched], Awaitable[float | None]]
"""What is done about a job that is due; returns when it is due again, None where it has ended."""


class Poller:
    """Polls the jobs that have not ended and that at least one server waits for with the job's own account.

    `interval` in seconds; `max_age` in milliseconds. A job older than that is given up, also while the API is down or
    its account on hold, but not before it could have been asked about once more: after a start there is time for that.
    """

    def __init__(
        self,
        database: Database,
        fetcher: JobFetcher,
        recorder: JobRecorder,
        accounts: Accounts,
        clock: Clock,
        job_lists: JobLists,
        *,
        interval: float,
        max_age: int,
        random: Random,
        at_once: int = AT_ONCE,
        at_once_per_account: int = 8,
    ) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._interval = interval
        self._queue = JobQueue(interval, at_once_per_account)
        self._asking = Asking(
            fetcher,
            recorder,
            accounts,
            clock,
            job_lists,
            self._queue,
            interval=interval,
            max_age=max_age,
            random=random,
        )
        self._random = random
        self._probes = Probes(interval, random)
        self._at_once = at_once
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = FailureSeries(log, "the poller could not read the database")
        self._woken = asyncio.Event()
        self._sleeps_until = math.inf
        self._intake = Intake(database, recorder, accounts, clock, self._queue, self._asking, random, interval=interval)
        self.beat = clock.monotonic()
        """When the loop last turned, monotonic seconds; it turns at least every 30 s."""
        self.failures = 0
        """How often something went wrong that was no answer of the API."""
        job_lists.refreshed.listen(self._list_refreshed)

    def polls(self) -> Polls:
        """How many jobs are polled, are due now, and how late."""
        return self._queue.polls(self._clock.monotonic())

    def job_changed(self, job_id: int) -> None:
        """A job is watched, is watched no more, or has ended."""
        self._intake.changed_jobs.add(job_id)
        self._woken.set()

    def end_claimed(self, job_id: int) -> None:
        """A callback claims that the job has ended: its record is looked at at once, within the schedule's bounds."""
        self._intake.claimed_jobs.add(job_id)
        self._woken.set()

    def jobs_found(self, job_ids: Collection[int]) -> None:
        """These are watched from now on, and nobody has asked the API about them yet."""
        self._intake.found_jobs.update(job_ids)
        self._intake.changed_jobs.update(job_ids)
        self._woken.set()

    def watches(self, account_id: int) -> bool:
        """Whether any of the account's jobs is asked about."""
        return self._queue.of_account(account_id) > 0

    def account_changed(self, account_id: int) -> None:
        """An account's token or state has changed, or the servers that use it."""
        self._intake.changed_accounts.add(account_id)
        self._woken.set()

    async def run(self) -> None:
        """Polls until it is cancelled. Whatever fails is logged, counted and tried again; what an earlier run left in
        flight is due at once."""
        await self._end_tasks()
        self._asking.start()
        try:
            while True:
                await self._turn()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in self._queue.in_flight:  # A task that was cancelled before its first step has settled nothing.
            self._settle(job, self._clock.monotonic())

    # ---- the loop ---------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.beat = self._clock.monotonic()
        longest = _LONGEST_SLEEP_SECONDS
        try:
            await self._intake.take_in()
            if self._intake.loading:
                self._woken.set()
            self._reading.worked()
        except Exception as error:
            # The loop's edge: what was not taken in is still marked as changed.
            self.failures += 1
            longest = min(self._reading.failed(error), self._interval)
        self._fetcher.watching(len(self._queue))
        self._start_due()
        await sleep_unless_woken(self._clock, min(longest, self._seconds_to_next()), self._woken)

    def _seconds_to_next(self) -> float:
        due = self._queue.next_due()
        # Where there is no room, the end of a task wakes the loop.
        self._sleeps_until = math.inf if due is None or self._is_full else due
        return max(0.0, self._sleeps_until - self._clock.monotonic())

    @property
    def _is_full(self) -> bool:
        return len(self._tasks) >= self._at_once

    # ---- one job ----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        """A task asks about one job after the other: a task for each would cost more than what it does."""
        while not self._is_full:
            work = self._next_work()
            if work is None:
                return
            task = asyncio.create_task(self._work_on(*work))
            self._tasks.add(task)
            task.add_done_callback(self._over)

    async def _work_on(self, job: Watched, action: Action) -> None:
        """Goes on as long as something is due."""
        work: tuple[Watched, Action] | None = (job, action)
        while work is not None:
            job, action = work
            due: float | None = self._clock.monotonic()  # If it is broken off.
            try:
                due = await self._due_after(job, action)
            finally:
                self._settle(job, due)
            work = self._next_work()

    async def _due_after(self, job: Watched, action: Action) -> float | None:
        try:
            return await action(job)
        except Exception as error:
            # The edge of one job: a full disk or a fault of ours keeps it due, and holds up no other.
            self.failures += 1
            log_failure(log, error, "Polling job #%d failed", job.id)
            return self._asking.back_off(job)

    def _next_work(self) -> tuple[Watched, Action] | None:
        """Starts the next job that is due, and says what is to be done about it; those that have to wait are put off.
        A job leaves its place only once that is known."""
        now = self._clock.monotonic()
        while (job := self._queue.first_due(now)) is not None:
            action = self._action(job, now)
            if action is not None:
                self._queue.start(job)
                return job, action
        return None

    def _action(self, job: Watched, now: float) -> Action | None:
        backoff_until = self._asking.backoff_until(job)
        if backoff_until is not None:
            if self._asking.may_be_given_up(job, asked=False):
                return self._give_up
            self._asking.put(job, schedule.spread(backoff_until, self._interval, job.asked_at, self._random))
        elif self._fetcher.down_since is None or self._probes.take(job.id, now):
            return self._poll
        elif self._asking.may_be_given_up(job, asked=False):
            return self._give_up
        else:
            job.deferred = True
            self._asking.put(job, self._probes.later(now))
        return None

    async def _poll(self, job: Watched) -> float | None:
        return await self._asking.next_after_asking(job, self._queue.of_account(job.account_id))

    async def _give_up(self, job: Watched) -> float | None:
        await self._asking.give_up(job)
        return None

    def _settle(self, job: Watched, due: float | None) -> None:
        """The job is in flight no more."""
        if due is None or not self._queue.holds(job):
            self._queue.landed(job, self._clock.monotonic())
        else:
            self._asking.put(job, self._asking.if_claimed(job, due))
        if self._fetcher.down_since is not None:
            self._probes.finished(job.id, self._clock.monotonic())

    def _over(self, task: asyncio.Task[None]) -> None:
        """There is room again; wakes the loop where something is due sooner than it knows."""
        self._tasks.discard(task)
        due = self._queue.next_due()
        if due is not None and due < self._sleeps_until:
            self._woken.set()

    def _list_refreshed(self, refreshed: ListRefreshed) -> None:
        """Those that left it are asked about now, since they may have ended; the others have been asked about by it."""
        for job in filter(self._queue.waits, refreshed.left):
            self._asking.put(job, self._clock.monotonic())
        for job in filter(self._queue.waits, refreshed.named):
            if self._asking.needs_record(job):
                continue
            self._asking.put(job, self._asking.if_claimed(job, self._asking.named_at(job, refreshed.at)))
        self._woken.set()

    def api_changed(self) -> None:
        """Where the API is back, everything that was put off comes within an interval, or somewhat longer, not all at
        once."""
        if self._fetcher.down_since is not None:
            return
        self._probes.reset()
        for job in self._queue:
            if (job.deferred or job.failures) and not job.in_flight:
                job.deferred = False
                job.failures = 0
                due = self._asking.catch_up(job, len(self._queue))
                self._asking.put(job, self._asking.if_claimed(job, due))
        self._woken.set()
