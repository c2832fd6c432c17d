"""Asks about every job that is waited for, when it is due, and hands on what is new."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from random import Random

from relay.callbacks.announcements import Announcements
from relay.clock import sleep_unless_woken
from relay.failures import log_failure
from relay.polling import schedule
from relay.polling.answers import Answers
from relay.polling.asking import Asking
from relay.polling.intake import Intake
from relay.polling.probes import Probes
from relay.polling.questions import Accounts, Questions
from relay.polling.roll_calls import Renewal, RollCalls
from relay.polling.under_way import UnderWay
from relay.polling.watched import Agenda, Polls, Watched
from relay.ports import Clock
from storage.database import Database

log = logging.getLogger(__name__)

AT_ONCE = 128
"""Questions under way at once."""

_LONGEST_SLEEP_SECONDS = 30.0


Deed = Callable[[Watched], Awaitable[None]]
"""What is done about a job that is due."""


class Poller:
    """Polls the jobs that have not ended and that at least one server waits for with the job's own account.

    `interval` in seconds; `max_age` in milliseconds. A job older than that is given up, also while the API is down or
    its account on hold, but not before it could have been asked about once more: after a start there is time for that.
    """

    def __init__(
        self,
        database: Database,
        questions: Questions,
        answers: Answers,
        accounts: Accounts,
        clock: Clock,
        roll_calls: RollCalls,
        announcements: Announcements,
        *,
        interval: float,
        max_age: int,
        random: Random,
        at_once: int = AT_ONCE,
        at_once_per_account: int = 8,
    ) -> None:
        self._questions = questions
        self._clock = clock
        self._interval = interval
        self._agenda = Agenda()
        self._asking = Asking(
            questions,
            answers,
            accounts,
            clock,
            roll_calls,
            announcements,
            self._agenda,
            interval=interval,
            max_age=max_age,
            random=random,
        )
        self._random = random
        self._probes = Probes(interval, random)
        self._under_way = UnderWay(at_once, at_once_per_account)
        self._woken = asyncio.Event()
        self._sleeps_until = math.inf
        self._intake = Intake(database, answers, accounts, clock, self._agenda, self._asking, random, interval=interval)
        self.beat = clock.monotonic()
        """When the loop last turned, monotonic seconds; it turns at least every 30 s."""
        self.failures = 0
        """How often something went wrong that was no answer of the API."""
        questions.when_back(self._api_is_back)
        roll_calls.when_renewed(self._list_renewed)

    def polls(self) -> Polls:
        """How many jobs are polled, are due now, and how late."""
        return self._agenda.polls(self._clock.monotonic(), self._interval)

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
        return self._agenda.of_account(account_id) > 0

    def account_changed(self, account_id: int) -> None:
        """An account's token or state has changed, or the servers that use it."""
        self._intake.changed_accounts.add(account_id)
        self._woken.set()

    async def run(self) -> None:
        """Polls until it is cancelled. Whatever fails is logged, counted and tried again."""
        self._asking.start()
        try:
            while True:
                await self._turn()
        finally:
            await self._under_way.end()

    # ---- the loop ---------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        self.beat = self._clock.monotonic()
        longest = _LONGEST_SLEEP_SECONDS
        try:
            await self._intake.take_in()
            if self._intake.loading:
                self._woken.set()
        except Exception as error:
            # The loop's edge: what was not taken in is still marked as changed.
            self.failures += 1
            log_failure(log, error, "The poller could not read the database")
            longest = self._interval
        self._questions.watching(len(self._agenda))
        self._start_due()
        await sleep_unless_woken(self._clock, min(longest, self._seconds_to_next()), self._woken)

    def _seconds_to_next(self) -> float:
        due = self._agenda.next_due()
        # Where there is no room, the end of a task wakes the loop.
        self._sleeps_until = math.inf if due is None or self._under_way.full else due
        return max(0.0, self._sleeps_until - self._clock.monotonic())

    # ---- one job ----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        while not self._under_way.full:
            work = self._next_work()
            if work is None:
                return
            self._under_way.begin(self._work_on(*work), self._wake_in_time)

    async def _work_on(self, job: Watched, deed: Deed) -> None:
        """Goes on as long as something is due."""
        work: tuple[Watched, Deed] | None = (job, deed)
        while work is not None:
            job, deed = work
            try:
                await deed(job)
            finally:
                self._over(job)
            work = self._next_work()

    def _next_work(self) -> tuple[Watched, Deed] | None:
        """The next job that is due, and what is to be done about it; those that have to wait are put off."""
        now = self._clock.monotonic()
        while (job := self._agenda.take_due(now)) is not None:
            deed = self._deed(job, now)
            if deed is not None:
                self._under_way.enter(job.account_id)
                return job, deed
        return None

    def _deed(self, job: Watched, now: float) -> Deed | None:
        rests_until = self._asking.rests_until(job)
        if rests_until is not None:
            if self._asking.may_be_given_up(job, asked=False):
                return self._give_up
            self._asking.put(job, schedule.spread(rests_until, self._interval, job.asked_at, self._random))
        elif self._under_way.full_for(job.account_id):
            self._under_way.line_up(job)
        elif self._questions.down_since is None or self._probes.take(job.id, now):
            return self._poll
        elif self._asking.may_be_given_up(job, asked=False):
            return self._give_up
        else:
            job.put_off = True
            self._asking.put(job, self._probes.later(now))
        return None

    def _over(self, job: Watched) -> None:
        self._under_way.leave(job.account_id)
        following = self._under_way.next_in_line(job.account_id, self._agenda)
        if following is not None:
            self._asking.put(following, self._clock.monotonic())
        if self._questions.down_since is not None:
            self._probes.finished(job.id, self._clock.monotonic())

    def _wake_in_time(self) -> None:
        """There is room again, or something is due sooner than the loop knows."""
        due = self._agenda.next_due()
        if due is not None and due < self._sleeps_until:
            self._woken.set()

    async def _poll(self, job: Watched) -> None:
        try:
            due = await self._asking.next_after_asking(job, self._agenda.of_account(job.account_id))
        except Exception as error:
            # The edge of one job: a full disk or a fault of ours keeps it due, and holds up no other.
            self.failures += 1
            log_failure(log, error, "Polling job #%d failed", job.id)
            due = self._asking.back_off(job)
        self._settle(job, due)

    async def _give_up(self, job: Watched) -> None:
        try:
            await self._asking.give_up(job)
            due = None
        except Exception as error:
            self.failures += 1
            log_failure(log, error, "Job #%d could not be given up", job.id)
            due = self._asking.back_off(job)
        self._settle(job, due)

    def _settle(self, job: Watched, due: float | None) -> None:
        if self._agenda.get(job.id) is not job:
            return
        if due is None:
            self._agenda.drop(job.id)
        else:
            self._asking.put(job, self._asking.if_claimed(job, due))

    def _list_renewed(self, renewal: Renewal) -> None:
        """Those that left it are asked about now, since they may have ended; the others have been asked about by it."""
        for job in filter(self._agenda.waits, renewal.left):
            self._asking.put(job, self._clock.monotonic())
        for job in filter(self._agenda.waits, renewal.named):
            self._asking.put(job, self._asking.named_at(job, renewal.at))
        self._woken.set()

    def _api_is_back(self) -> None:
        """Everything that was put off comes within an interval, or somewhat longer, not all at once."""
        self._probes.reset()
        for job in self._agenda:
            if (job.put_off or job.failures) and not job.busy:
                job.put_off = False
                job.failures = 0
                self._asking.put(job, self._asking.catch_up(job, len(self._agenda)))
        self._woken.set()
