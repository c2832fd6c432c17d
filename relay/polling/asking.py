"""One question about one job, what follows from the answer, and when the next one is due."""

from __future__ import annotations

import logging
import math
from random import Random

from model import snapshots
from model.job import Job
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import AccountBroken, JobExpired, PixVerseError, RateLimited, SubscriptionUnpaid, TokenRefused
from pixverse.jobids import is_v2
from relay.polling import schedule
from relay.polling.job_fetcher import Accounts, Answer, JobFetcher, NoTokenLeft
from relay.polling.job_list import JobLists
from relay.polling.job_queue import JobQueue, Watched
from relay.polling.job_recorder import JobRecorder, Recorded
from relay.ports import Clock

log = logging.getLogger(__name__)

_MARGIN_SECONDS = 0.01
"""The two clocks do not agree to the last digit."""
_NOTED_EVERY = 4 * 60_000
"""Milliseconds between two notes that a job of v2 was in work: fewer than make its result late."""


class Asking:
    """What the poller does with a job that is due. Times are monotonic seconds unless said otherwise."""

    def __init__(
        self,
        fetcher: JobFetcher,
        recorder: JobRecorder,
        accounts: Accounts,
        clock: Clock,
        job_lists: JobLists,
        queue: JobQueue,
        *,
        interval: float,
        max_age: int,
        random: Random,
    ) -> None:
        self._fetcher = fetcher
        self._recorder = recorder
        self._accounts = accounts
        self._clock = clock
        self._job_lists = job_lists
        self._queue = queue
        self._interval = interval
        self._max_age = max_age
        self._random = random
        self._started_at = clock.monotonic()

    def start(self) -> None:
        """Polling begins now: jobs that have grown too old meanwhile get time to be asked about once more."""
        self._started_at = self._clock.monotonic()

    async def next_after_asking(self, job: Watched, jobs_of_account: int) -> float | None:
        """Asks, records, and says when to ask again; None where the job has ended.

        Where several of the account's jobs are polled, their list may do in place of a question about each; not where
        a callback claims that the job has ended: then its record alone can tell, and no answer from before.

        Raises StorageError as the database does; nothing is then recorded.
        """
        job.asked_at = self._clock.monotonic()
        if job.claimed:
            job.requested_at = job.asked_at
            looks = schedule.looks_within(job.asked_at, self._interval, job.early_looks)
            job.early_looks = (*looks, job.asked_at)
            answer = await self._ask(job, fresh=0.0)
        elif (listed_at := await self._listed_at(job, jobs_of_account)) is not None:
            return self.named_at(job, listed_at)
        else:
            job.requested_at = self._clock.monotonic()
            # Half an interval: where that is short, an answer of five seconds ago would be older than the schedule.
            answer = await self._ask(job, fresh=self._interval / 2)
        if answer is None:
            due: float | None = self._after_no_answer(job)
        else:
            job.failures = 0
            job.deferred = False
            due = await self._record(job, answer)
        if due is not None and self.may_be_given_up(job, asked=answer is not None):
            await self.give_up(job)
            return None
        return due

    async def give_up(self, job: Watched) -> None:
        """Ends a job that has not ended for too long."""
        await self._recorder.give_up(job.id)

    def backoff_until(self, job: Watched) -> float | None:
        """Until when its account is to be left alone; None where it may be asked about."""
        if (
            self._accounts.state_of(job.account_id) is not AccountState.OK
            or self._accounts.token_of(job.account_id) is None
        ):
            return math.inf
        return self._fetcher.backoff_until(job.account_id)

    async def _listed_at(self, job: Watched, jobs_of_account: int) -> float | None:
        """When a list was asked for that says that the job is still in work; None where it is to be asked about."""
        if self._fetcher.down_since is not None or job.missing_since is not None:
            return None
        if self.needs_record(job):
            return None
        # Jobs that are asked about at every interval anyway are no reason to request a list.
        live = self._queue.live_of_account(job.account_id)
        others = jobs_of_account - live if live <= schedule.LIVE_JOBS else jobs_of_account
        if not self._job_lists.worth_it(job.account_id, others):
            return None
        if schedule.over_age(job.watched_since, self._clock.now(), self._max_age):
            return None
        return await self._job_lists.names(job, schedule.gap(self._interval, self.age(job)))

    def named_at(self, job: Watched, at: float) -> float:
        """When a job is due again that a list has named, which was asked for at `at`: as if the job itself had been
        asked about then, since nobody else may have a reason to ask for the next list."""
        job.asked_at = at
        job.ran_until = self._clock.now() - round((self._clock.monotonic() - at) * 1000)
        job.failures = 0
        job.deferred = False
        return self.after_answer(job, at)

    def after_answer(self, job: Watched, asked_at: float) -> float:
        """When a job is due again that had not ended when it was asked about at `asked_at`."""
        gap = schedule.gap(self._interval, self.age(job))
        return schedule.after_gap(asked_at, self._interval, gap, self._random)

    def catch_up(self, job: Watched, jobs: int) -> float:
        """When a job is due that is one of `jobs` about which nothing was heard for a while."""
        gap = schedule.gap(self._interval, self.age(job))
        return schedule.catch_up(self._clock.monotonic(), self._interval, gap, jobs, job.asked_at, self._random)

    def if_claimed(self, job: Watched, due: float) -> float:
        """When a job that is due otherwise is to be asked about where a callback claims that it has ended."""
        if not job.claimed:
            return due
        at = schedule.early_look(self._clock.monotonic(), self._interval, job.early_looks)
        job.claimed = at is not None
        return due if at is None else min(at, due)

    async def _ask(self, job: Watched, *, fresh: float) -> Answer | None:
        try:
            return await self._fetcher.poll(job.account_id, job.jobid, fresh, job.heard)
        except (TokenRefused, SubscriptionUnpaid, NoTokenLeft, RateLimited, AccountBroken):
            return None
        except PixVerseError as error:
            log.info("No answer about job #%d: %s", job.id, error)
            return None

    def _after_no_answer(self, job: Watched) -> float:
        backoff_until = self.backoff_until(job)
        if backoff_until is None:
            return self.back_off(job)
        return schedule.spread(backoff_until, self._interval, job.asked_at, self._random)

    async def _record(self, job: Watched, answer: Answer) -> float | None:
        if isinstance(answer.told, LazyJob):
            return await self._record_job(job, answer.told)
        if isinstance(answer.told, JobExpired):
            await self._recorder.record_expired(job.id, job.account_id)
            return None
        if await self._recorder.record_missing(job.id, job.account_id) is Recorded.ENDED:
            return None
        now = self._clock.now()
        if job.missing_since is None or job.missing_since > now:
            job.missing_since = now
        wait = schedule.second_look_after(self._interval) - (now - job.missing_since) / 1000
        asked_at = self._clock.monotonic()
        believed_at = asked_at + max(self._interval, wait) * self._random.uniform(1.01, 1 + schedule.JITTER)
        # Asked in between, one that is there again is known as soon as any other.
        return min(believed_at, self.after_answer(job, asked_at))

    async def _record_job(self, job: Watched, told: LazyJob) -> float | None:
        if told.fingerprint != job.heard or job.missing_since is not None:
            said = told.read()
            if await self._record_news(job, said) is Recorded.ENDED:
                self._job_lists.record_told_the_end(job)
                return None
            # The same response ends a job that is complete without a file, once that has lasted for minutes.
            job.heard = None if said.lacks_file else told.fingerprint
        await self._in_work(job)
        asked_at = job.asked_at if job.asked_at is not None else self._clock.monotonic()
        job.seen_at = asked_at
        return self.after_answer(job, asked_at)

    async def _in_work(self, job: Watched) -> None:
        """Remembers that the job was in work just now. A record of v2 does not tell when the job ended, so this is all
        that is known of it; it is noted for the next process and for commands.

        Only in the job's first hour: there may be very many old jobs, and polls without news are to write nothing.
        """
        job.ran_until = self._clock.now()
        if not is_v2(job.jobid) or self.age(job) > schedule.OLD:
            return
        if job.ran_until - job.ran_until_noted >= _NOTED_EVERY:
            await self._recorder.note_in_work(job.id, job.ran_until)
            job.ran_until_noted = job.ran_until

    async def _record_news(self, job: Watched, said: Job) -> Recorded:
        fingerprint = hash(snapshots.dump(said))
        if fingerprint == job.fingerprint and job.missing_since is None and not said.lacks_file:
            return Recorded.NOTHING
        recorded = await self._recorder.record_response(job.id, said, job.account_id, job.ran_until)
        job.fingerprint = fingerprint
        job.missing_since = None
        return recorded

    def needs_record(self, job: Watched) -> bool:
        """Whether the job's own record is requested at every interval, so that its card or summary keeps up: the job is
        live, and its account has few live jobs."""
        return self._is_live(job) and self._queue.live_of_account(job.account_id) <= schedule.LIVE_JOBS

    def _is_live(self, job: Watched) -> bool:
        return schedule.is_live(self.age(job), is_shown=job.is_shown)

    def age(self, job: Watched) -> float:
        """Seconds since it was first asked for."""
        return max(0, self._clock.now() - job.watched_since) / 1000

    def back_off(self, job: Watched) -> float:
        """Counts a failure, and says when to try again."""
        job.failures += 1
        now = self._clock.monotonic()
        return schedule.after_failure(now, self._interval, job.failures, self._random)

    def put(self, job: Watched, due: float) -> None:
        """Has a job wait until it is due; its record is asked for no sooner than an interval after the last time,
        unless a callback claims that it has ended."""
        due = min(due, self._latest(job, due))
        if job.requested_at is not None and not job.claimed:
            due = max(due, job.requested_at + self._interval)
        self._queue.put(job, due, is_live=self._is_live(job))

    def _latest(self, job: Watched, due: float) -> float:
        """When the job has to be looked at at the latest, though it is due otherwise: to be given up."""
        now = self._clock.monotonic()
        expires = now + (job.watched_since + self._max_age - self._clock.now()) / 1000 + _MARGIN_SECONDS
        if job.asked_at is not None:
            expires = max(expires, job.asked_at + self._interval)
        if expires > now:
            return expires
        grace_ends = self._grace_ends()
        return grace_ends if grace_ends > now else due

    def _grace_ends(self) -> float:
        return self._started_at + schedule.slowest(self._interval)

    def may_be_given_up(self, job: Watched, *, asked: bool) -> bool:
        """Whether it has grown too old, and was asked about once more, or could have been for long enough."""
        if not schedule.over_age(job.watched_since, self._clock.now(), self._max_age):
            return False
        return asked or self._clock.monotonic() >= self._grace_ends()
