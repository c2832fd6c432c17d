"""Asks about every job that is waited for, when it is due, and hands on what is new."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Collection
from random import Random

from relay import schedule
from relay.announcements import Announcements
from relay.answers import Answers
from relay.asking import Asking
from relay.clock import sleep_unless_woken
from relay.failures import log_failure
from relay.ports import Clock
from relay.probes import Probes
from relay.questions import Accounts, Questions
from relay.roll_calls import Renewal, RollCalls
from relay.under_way import UnderWay
from relay.watched import Agenda, Polls, Watched
from storage import jobs, subscriptions
from storage.database import Database
from storage.jobs import OpenJob

log = logging.getLogger(__name__)

AT_ONCE = 32
"""Questions under way at once."""

_PAGE = 2000
_LONGEST_SLEEP_SECONDS = 30.0


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
        self._database = database
        self._questions = questions
        self._answers = answers
        self._accounts = accounts
        self._clock = clock
        self._interval = interval
        self._asking = Asking(
            questions,
            answers,
            accounts,
            clock,
            roll_calls,
            announcements,
            interval=interval,
            max_age=max_age,
            random=random,
        )
        self._random = random
        self._agenda = Agenda()
        self._probes = Probes(interval, random)
        self._under_way = UnderWay(at_once, at_once_per_account)
        self._claimed_jobs: set[int] = set()
        self._changed_jobs: set[int] = set()
        self._found_jobs: set[int] = set()
        self._changed_accounts: set[int] = set()
        self._woken = asyncio.Event()
        self._loaded_up_to: int | None = 0
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
        self._changed_jobs.add(job_id)
        self._woken.set()

    def end_claimed(self, job_id: int) -> None:
        """A callback claims that the job has ended: its record is looked at at once, within the schedule's bounds."""
        self._claimed_jobs.add(job_id)
        self._woken.set()

    def jobs_found(self, job_ids: Collection[int]) -> None:
        """These are watched from now on, and nobody has asked the API about them yet."""
        self._found_jobs.update(job_ids)
        self._changed_jobs.update(job_ids)
        self._woken.set()

    def watches(self, account_id: int) -> bool:
        """Whether any of the account's jobs is asked about."""
        return self._agenda.of_account(account_id) > 0

    def account_changed(self, account_id: int) -> None:
        """An account's token or state has changed, or the servers that use it."""
        self._changed_accounts.add(account_id)
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
            await self._load()
            await self._take_in_changes()
            self._take_in_claims()
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
        if due is None or self._under_way.full:
            return math.inf  # The end of a question wakes the loop.
        return max(0.0, due - self._clock.monotonic())

    async def _load(self) -> None:
        while self._loaded_up_to is not None:
            page = await jobs.open_page(self._database.reader, self._loaded_up_to, _PAGE)
            for row in page:
                self._take_in(row, at_once=True)
            self.beat = self._clock.monotonic()
            self._loaded_up_to = page[-1].id if page else None
            if not page:
                self._changed_accounts.update(await subscriptions.accounts_with_held(self._database.reader))
                log.info("%d jobs are polled", len(self._agenda))

    async def _take_in_changes(self) -> None:
        for account_id in list(self._changed_accounts):
            self._changed_accounts.discard(account_id)
            try:
                await self._take_in_account(account_id)
            except Exception:
                self._changed_accounts.add(account_id)
                raise
        changed = list(self._changed_jobs)
        if not changed:
            return
        rows = {row.id: row for row in await jobs.open_among(self._database.reader, changed)}
        for job_id in changed:
            row = rows.get(job_id)
            if row is None:
                self._agenda.drop(job_id)
            else:
                self._take_in(row, at_once=False)
        self._look_at_found(self._found_jobs.intersection(changed))
        self._changed_jobs.difference_update(changed)

    def _take_in_claims(self) -> None:
        for job in filter(None, map(self._agenda.get, self._claimed_jobs)):
            job.claimed = True
            if not job.busy:
                self._put(job, self._asking.if_claimed(job, job.due))
        # One that was added a moment ago is taken in at the next turn.
        self._claimed_jobs.intersection_update(self._changed_jobs)

    def _look_at_found(self, found: Collection[int]) -> None:
        now = self._clock.monotonic()
        for job in filter(None, map(self._agenda.get, found)):
            if job.asked_at is None and not job.busy:
                self._put(job, schedule.first_look(now, self._interval, len(found), self._random))
        self._found_jobs.difference_update(found)

    async def _take_in_account(self, account_id: int) -> None:
        open_ids: set[int] = set()
        page = await jobs.open_page_of_account(self._database.reader, account_id, 0, _PAGE)
        while page:
            for row in page:
                open_ids.add(row.id)
                self._take_in(row, at_once=True)
            page = await jobs.open_page_of_account(self._database.reader, account_id, page[-1].id, _PAGE)
        for job in self._agenda:
            # One that was added meanwhile is marked as changed and taken in right after.
            if job.account_id == account_id and job.id not in open_ids:
                self._agenda.drop(job.id)
        await self._answers.deliver_held(account_id)

    def _take_in(self, row: OpenJob, *, at_once: bool) -> None:
        """Puts a job on the agenda, or takes it off where every server that waits has another account in force."""
        if all(self._accounts.in_force(guild_id) != row.account_id for guild_id in row.guilds):
            self._agenda.drop(row.id)
            return
        job = self._agenda.get(row.id)
        new = job is None
        if job is None:
            job = Watched(row.id, row.account_id, row.jobid)
        job.watched_since = row.watched_since
        job.missing_since = row.missing_since
        if row.snapshot is not None:
            job.fingerprint = hash(row.snapshot)
        if job.busy:
            return
        now = self._clock.monotonic()
        if at_once:
            self._put(job, schedule.spread(now, self._interval, job.asked_at, self._random))
        elif new:
            self._put(job, self._asking.after_answer(job, now))
        else:
            self._put(job, job.due)

    # ---- one job ----------------------------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now = self._clock.monotonic()
        while not self._under_way.full:
            job = self._agenda.take_due(now)
            if job is None:
                return
            self._start(job, now)

    def _start(self, job: Watched, now: float) -> None:
        rests_until = self._asking.rests_until(job)
        if rests_until is not None:
            if self._asking.may_be_given_up(job, asked=False):
                self._under_way.begin(self._give_up(job), job, self._over)
            else:
                self._put(job, schedule.spread(rests_until, self._interval, job.asked_at, self._random))
        elif self._under_way.full_for(job.account_id):
            self._under_way.line_up(job)
        elif self._questions.down_since is None or self._probes.take(job.id, now):
            self._under_way.begin(self._poll(job), job, self._over)
        elif self._asking.may_be_given_up(job, asked=False):
            self._under_way.begin(self._give_up(job), job, self._over)
        else:
            job.put_off = True
            self._put(job, self._probes.later(now))

    def _over(self, job: Watched) -> None:
        following = self._under_way.next_in_line(job.account_id, self._agenda)
        if following is not None:
            self._put(following, self._clock.monotonic())
        if self._questions.down_since is not None:
            self._probes.finished(job.id, self._clock.monotonic())
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
            self._put(job, self._asking.if_claimed(job, due))

    def _put(self, job: Watched, due: float) -> None:
        job.busy = False
        self._agenda.put(job, min(due, self._asking.latest(job, due)))

    def _list_renewed(self, renewal: Renewal) -> None:
        """Those that left it are asked about now, since they may have ended; the others have been asked about by it."""
        for job in filter(self._agenda.waits, renewal.left):
            self._put(job, self._clock.monotonic())
        for job in filter(self._agenda.waits, renewal.named):
            self._put(job, self._asking.named_at(job, renewal.at))
        self._woken.set()

    def _api_is_back(self) -> None:
        """Everything that was put off comes within an interval, not all at once."""
        self._probes.reset()
        now = self._clock.monotonic()
        for job in self._agenda:
            if (job.put_off or job.failures) and not job.busy:
                job.put_off = False
                job.failures = 0
                self._put(job, schedule.spread(now, self._interval, job.asked_at, self._random))
        self._woken.set()
