"""Requests watched jobs when they are due, and has the news recorded."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable

from model import snapshots
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import (
    AccountBroken,
    JobExpired,
    JobNotFound,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
)
from pixverse.jobids import is_v2
from relay.clock import sleep_unless_woken
from relay.failures import FailureSeries, log_failure
from relay.polling import schedule
from relay.polling.job_fetcher import Accounts, JobFetcher, NoTokenLeft
from relay.polling.job_list import JobLists, ListRefreshed
from relay.polling.job_loader import JobLoader
from relay.polling.job_queue import JobQueue, PolledJob
from relay.polling.job_recorder import JobRecorder, Recorded
from relay.tasks import end_tasks

log = logging.getLogger(__name__)

AT_ONCE = 128
"""Maximum number of requests in flight at once."""
_NOTED_EVERY = 4 * 60_000
"""Milliseconds between two notes in the database that a v2 job was active. Less than what makes its result late."""

_LONGEST_SLEEP_SECONDS = 30.0

Action = Callable[[PolledJob], Awaitable[None]]
"""Handles a job in flight; as its last step, it tells the queue what happens to the job next."""


class Poller:
    """Polls active jobs for which at least one server that uses the job's account waits.

    At most `at_once` requests are in flight. Jobs older than JOB_MAX_AGE are given up, even while the API is down or
    their account's token is refused. After a start, each of them is requested once before it is given up.
    """

    def __init__(
        self,
        queue: JobQueue,
        loader: JobLoader,
        fetcher: JobFetcher,
        recorder: JobRecorder,
        job_lists: JobLists,
        accounts: Accounts,
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._queue = queue
        self._loader = loader
        self._fetcher = fetcher
        self._breaker = fetcher.breaker
        self._breaker.polled_jobs = self._polled_jobs
        self._recorder = recorder
        self._job_lists = job_lists
        self._accounts = accounts
        self._clock = queue.timing.clock
        self._interval = queue.timing.interval
        self._at_once = at_once
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = FailureSeries(log, "the poller could not read the database")
        self._woken = loader.woken
        self._sleeps_until = math.inf
        self.heartbeat = self._clock.monotonic()
        """When the loop last turned, in monotonic seconds. It turns at least every 30 seconds."""
        self.failures = 0
        """How often something other than the API failed."""
        job_lists.refreshed.listen(self._list_refreshed)
        queue.gone.listen(job_lists.job_gone)

    async def run(self) -> None:
        """Polls until it is cancelled. Failures are logged, counted and retried. Jobs that an earlier run left in
        flight are due at once."""
        await self._end_tasks()
        self._queue.polling_begins()
        try:
            while True:
                await self._turn()
        finally:
            await self._end_tasks()

    async def _end_tasks(self) -> None:
        await end_tasks(self._tasks)
        # A task that was cancelled before its first step released no job and ended no probe.
        for job in self._queue.in_flight:
            self._breaker.probe_over(job.id)
        self._queue.release_all()

    # ---- the loop ---------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.heartbeat = self._clock.monotonic()
        longest = _LONGEST_SLEEP_SECONDS
        try:
            await self._loader.load()
            self._reading.worked()
        except Exception as error:
            # Broad, so that the loop goes on: what was not read is still marked as changed.
            self.failures += 1
            longest = min(self._reading.failed(error), self._interval)
        self._start_due()
        due = self._queue.next_due()
        # Without a free slot, the end of a task wakes the loop.
        self._sleeps_until = math.inf if due is None or self._is_full else due
        seconds = max(0.0, self._sleeps_until - self._clock.monotonic())
        await sleep_unless_woken(self._clock, min(longest, seconds), self._woken)

    @property
    def _is_full(self) -> bool:
        return len(self._tasks) >= self._at_once

    def _start_due(self) -> None:
        """Starts tasks for due jobs. A task handles one job after the other: a task for each would cost more than the
        request."""
        while not self._is_full and (work := self._next_work()) is not None:
            task = asyncio.create_task(self._work_on(*work))
            self._tasks.add(task)
            task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        """Frees the task's slot, and wakes the loop if a job is due sooner than the loop expects."""
        self._tasks.discard(task)
        due = self._queue.next_due()
        if due is not None and due < self._sleeps_until:
            self._woken.set()

    def _list_refreshed(self, refreshed: ListRefreshed) -> None:
        self._queue.seen_active(refreshed.account_id, refreshed.jobs, refreshed.at)
        self._queue.list_refreshed(refreshed.left, refreshed.named, refreshed.at)
        self._woken.set()

    def api_changed(self) -> None:
        """Wakes the loop when the API goes down or comes back; schedules the deferred jobs if it is back."""
        if self._breaker.down_since is None:
            self._queue.try_again()
        self._woken.set()

    def writes_are_back(self) -> None:
        """Schedules what failed while the database took no writes, and wakes the loop."""
        self._queue.try_again()
        self._woken.set()

    # ---- one job ----------------------------------------------------------------------------------------------------

    async def _work_on(self, job: PolledJob, action: Action) -> None:
        """Handles the job, then other jobs as long as one is due."""
        work: tuple[PolledJob, Action] | None = (job, action)
        while work is not None:
            job, action = work
            try:
                await action(job)
            except Exception as error:
                # Broad, so that one job's failure, such as a full disk or a bug, delays no other job.
                self.failures += 1
                log_failure(log, error, "polling job #%d failed", job.id)
                self._queue.failed(job)
            finally:
                if job.in_flight:
                    self._queue.release(job)
                if self._breaker.down_since is not None:
                    self._breaker.probe_over(job.id)
            work = self._next_work()

    def _next_work(self) -> tuple[PolledJob, Action] | None:
        """Starts the next due job that may be handled now, and returns it with its action. Due jobs before it, such as
        those of an account that backs off, get another due time without being started."""
        while (job := self._queue.first_due()) is not None:
            action = self._action(job)
            if action is not None:
                self._queue.start(job)
                return job, action
        return None

    def _action(self, job: PolledJob) -> Action | None:
        """What to do about a due job. None if it has to wait; it then has another due time."""
        backoff_until = self._backoff_until(job.account_id)
        if backoff_until is None and (self._breaker.down_since is None or self._breaker.begin_probe(job.id)):
            return self._poll
        if self._queue.may_be_given_up(job, responded=False):
            return self._give_up
        if backoff_until is not None:
            self._queue.postpone(job, backoff_until)
        else:
            self._queue.defer(job, self._breaker.retry_at())
        return None

    def _backoff_until(self, account_id: int) -> float | None:
        """Until when the account backs off; `inf` without a usable token, None if its jobs may be requested."""
        state, token = self._accounts.state_of(account_id), self._accounts.token_of(account_id)
        if state is not AccountState.OK or token is None:
            return math.inf
        return self._fetcher.backoff_until(account_id)

    def _polled_jobs(self) -> int:
        """How many jobs may be requested now, apart from when they are due."""
        sizes = self._queue.account_sizes().items()
        return sum(jobs for account_id, jobs in sizes if self._backoff_until(account_id) is None)

    async def _give_up(self, job: PolledJob) -> None:
        await self._recorder.give_up(job.id)
        self._queue.ended(job)

    async def _poll(self, job: PolledJob) -> None:
        """Requests the job's record, unless the list of its account's jobs will do. Raises StorageError; nothing is
        recorded then."""
        if self._list_may_do(job):
            listed_at = await self._job_lists.names(job, self._queue.gap(job))
            if listed_at is not None:
                self._queue.named_by_list(job, listed_at)
                return
            backoff_until = self._backoff_until(job.account_id)
            if backoff_until is not None:  # The list was refused.
                self._queue.postpone(job, backoff_until)
                return
        self._queue.record_requested(job)
        response = await self._fetch(job)
        if await self._record(job, response) is Recorded.ENDED:
            self._queue.ended(job)
        elif self._queue.may_be_given_up(job, responded=response is not None):
            await self._give_up(job)
        elif isinstance(response, LazyJob):
            self._queue.still_running(job)
        elif response is not None:
            self._queue.missing(job)
        elif (backoff_until := self._backoff_until(job.account_id)) is not None:
            self._queue.postpone(job, backoff_until)
        else:
            self._queue.failed(job)

    def _list_may_do(self, job: PolledJob) -> bool:
        """Whether a list that names the job as active would do in place of its record. If a callback has reported the
        job's end, only the record can confirm it."""
        if job.end_reported or self._breaker.down_since is not None or job.missing_since is not None:
            return False
        if self._queue.needs_record(job) or self._queue.is_over_age(job):
            return False
        # A list saves nothing for live jobs whose records are requested at every interval.
        jobs, live = self._queue.of_account(job.account_id), self._queue.live_of_account(job.account_id)
        others = jobs - live if live <= schedule.LIVE_JOBS else jobs
        return self._job_lists.worth_it(job.account_id, others)

    async def _fetch(self, job: PolledJob) -> LazyJob | JobNotFound | JobExpired | None:
        """The response about the job; None without a response, or if the response says nothing about the job."""
        # At a short interval, a response that is five seconds old would be too old for the schedule. If a callback has
        # reported the end, an earlier response can't confirm it.
        fresh = 0.0 if job.end_reported else self._interval / 2
        try:
            return (await self._fetcher.poll(job.account_id, job.jobid, fresh, job.body_fingerprint)).lazy
        except (TokenRefused, SubscriptionUnpaid, NoTokenLeft, RateLimited, AccountBroken):
            return None
        except PixVerseError as error:
            log.info("no response about job #%d: %s", job.id, error)
            return None

    async def _record(self, job: PolledJob, response: LazyJob | JobNotFound | JobExpired | None) -> Recorded:
        """Records what is new in the response."""
        if isinstance(response, LazyJob):
            return await self._record_job(job, response)
        if isinstance(response, JobNotFound):
            # For v2, the same response says that the list doesn't name the job.
            if job.missing_since is not None and not is_v2(job.jobid):
                await self._job_lists.refresh_for(job)
            return await self._recorder.record_missing(job.id, job.account_id, job.ran_until)
        if isinstance(response, JobExpired):
            await self._recorder.record_expired(job.id, job.account_id)
            return Recorded.ENDED
        return Recorded.NOTHING

    async def _record_job(self, job: PolledJob, lazy: LazyJob) -> Recorded:
        """Records what is new in the response. A response with the same content as the last one brings nothing. But a
        job that is complete without a file ends once that has lasted for minutes."""
        recorded = Recorded.NOTHING
        if lazy.fingerprint != job.body_fingerprint or job.missing_since is not None:
            content = lazy.read()
            snapshot_hash = hash(snapshots.dump(content))
            if snapshot_hash != job.snapshot_hash or job.missing_since is not None or content.lacks_file:
                recorded = await self._recorder.record_response(job.id, content, job.account_id, job.ran_until)
            if recorded is Recorded.ENDED:
                self._job_lists.job_ended(job)
                return recorded
            job.snapshot_hash = snapshot_hash
            job.body_fingerprint = None if content.lacks_file else lazy.fingerprint
        job.ran_until = self._clock.now()
        # v2 records don't tell when a job ended. So commands and the next process need to know when it was last seen
        # active. This is noted only in the job's first hour, because there may be very many old jobs.
        if is_v2(job.jobid) and not self._queue.is_old(job) and job.ran_until - job.ran_until_noted >= _NOTED_EVERY:
            await self._recorder.note_active(job.id, job.ran_until)
            job.ran_until_noted = job.ran_until
        return recorded
