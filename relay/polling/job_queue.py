"""The queue of polled jobs, in memory, the earliest due first. It alone changes a job's scheduling state.

Two levels of heaps find the earliest job that may be started: each account has a heap of its waiting jobs, and one heap
has the accounts. Entries are never changed. If a time changes, another entry is added. An outdated entry is dropped
when it reaches the top, or when there are too many of them. So this always holds:

- An account's heap has an entry for each of its waiting jobs, with the time at which the job is due. Any other entry is
  outdated.
- The heap of accounts has an entry for each account that may start a job, with the time `entry_at`, which is never
  later than the account's earliest due time. If it is earlier, `_first` corrects it. Any other entry is outdated.

For example, with an interval of 20 s and without jitter, a job whose first response, at 0 s, showed it running:

- `add` sets `due` to 20. At 20 it is in flight (`start`); its record shows it running, so `still_running` sets `due` to
  40. After five minutes the gap between its requests begins to grow.
- At 30 a callback reports its end: `report_end` sets `due` to 30, the first early look. While the record shows no end,
  the early looks are at 30, 31 and 35. Then none is left, and the next request is an interval after the last: at 55.
- At 55 there is no usable response: `failed` sets `due` to a time from 75 to 85, and after another failure later still.
- Its account's token is refused: `postpone` sets `due` to the time at which the job reaches JOB_MAX_AGE and may be
  given up. Once the token is accepted, `add_one_of_many` makes the job due within an interval.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection
from dataclasses import dataclass, field

from relay.changes import Signal
from relay.polling import schedule
from relay.polling.schedule import Timing
from storage.jobs import OpenJob


@dataclass(slots=True, eq=False, repr=False)
class PolledJob:
    """One polled job. Uses slots to stay small, because there may be a hundred thousand.

    Only `JobQueue` changes the scheduling state. The poller sets what it learned from the last response:
    `snapshot_hash`, `body_fingerprint`, `ran_until` and `ran_until_noted`.
    """

    id: int
    account_id: int
    jobid: str

    # From the database.
    snapshot_hash: int = 0
    """Hash of the snapshot in the database."""
    has_card: bool = True
    """Whether the job has a card of its own."""
    is_shown: bool = True
    """Whether a card or a summary shows the job."""
    watched_since: int = 0
    """Milliseconds UTC."""
    watched_at: float = 0.0
    """`watched_since` in monotonic seconds, computed when the job was read, so that setting the wall clock later
    makes no job older."""
    missing_since: int | None = None
    """Milliseconds UTC."""

    # Its requests. Times are monotonic seconds unless stated otherwise.
    asked_at: float | None = None
    """When the job, or a list that names it, was last requested. The next request is planned from then on."""
    record_requested_at: float | None = None
    """When the job's own record was last requested. It is not requested again within an interval."""
    record_running_at: float | None = None
    """When the latest record that showed the job running was requested. Only for some time after that, a list may
    replace the record."""
    body_fingerprint: int | None = None
    """Fingerprint of the last response, if known. A response with the same fingerprint brings no news."""
    ran_until: int | None = None
    """When this process last saw the job active, in milliseconds UTC."""
    ran_until_noted: int = 0
    """When `ran_until` was last written to the database, or the job was added; milliseconds UTC."""
    failures: int = 0
    """Consecutive requests without a usable response."""
    reported_at: float | None = None
    """When a callback last reported the end; None if no early look is left to do."""
    early_looks: tuple[float, ...] = ()
    """The times of the latest early looks. An early look is a request for the record because a callback reported the
    end."""

    # Its state. Times are monotonic seconds.
    in_flight: bool = False
    due: float = 0.0
    """When a waiting job is to be requested; for a job in flight, when it was."""
    queued_at: float = 0.0
    """Since when the job has been in the queue."""
    is_live: bool = False
    """Whether the job counts among the live jobs of its account: it was young and shown when it last began to wait."""
    deferred: bool = False
    """Whether the job came due while the API was down."""

    @property
    def end_reported(self) -> bool:
        """Whether the record is to be requested because a callback reported the end."""
        return self.reported_at is not None


@dataclass(frozen=True, slots=True)
class Polls:
    """How many jobs are polled, and how late the poller is."""

    jobs: int
    due: int
    """Jobs that are due, including those in flight."""
    late: int
    """Jobs that have been due for longer than an interval."""
    longest: float
    """Seconds for which the job that came due first has been due."""


@dataclass(slots=True)
class _AccountQueue:
    """The jobs of one account."""

    jobs: int = 0
    """How many jobs wait or are in flight."""
    live: int = 0
    """How many of them are live."""
    in_flight: int = 0
    """How many are in flight, including those that were removed from the queue meanwhile."""
    heap: list[tuple[float, int]] = field(default_factory=list)
    """Due time and number of each waiting job, and outdated entries."""
    entry_at: float = math.inf
    """The time of the account's entry in the heap of accounts; `inf` if it has none."""


class JobQueue:
    """A queue in which each job is in one of three states: waiting until it is due, in flight, or gone.

    `start` puts a due job in flight. These methods make it wait again:

    - `still_running` and `named_by_list`: for a gap after the request whose response showed the job active;
    - `missing`: until a second "not found" would be believed, but no longer than for a gap;
    - `failed`: for the job's own backoff;
    - `postpone`: for the backoff of its account;
    - `defer`: while the API is down;
    - `release`: not at all, because its request was interrupted.

    `ended` and `remove` make it gone. `request_soon`, `report_end`, `list_refreshed` and `try_again` change when
    waiting jobs are due. `_bounded` applies to each of these times.

    At most `per_account` jobs of one account are in flight at once. `max_age` is JOB_MAX_AGE in milliseconds; other
    times are monotonic seconds.
    """

    def __init__(self, timing: Timing, max_age: int, *, per_account: int = 8) -> None:
        self.timing = timing
        self._clock = timing.clock
        self._interval = timing.interval
        self._random = timing.random
        self._max_age = max_age
        self._per_account = per_account
        self._begun = self._clock.monotonic()
        """When polling began."""
        self._jobs: dict[int, PolledJob] = {}
        self._in_flight: dict[PolledJob, None] = {}
        self._accounts: dict[int, _AccountQueue] = {}
        self._account_heap: list[tuple[float, int]] = []
        """Time and id of each account that may start a job, and outdated entries."""
        self._gone: dict[int, tuple[float, PolledJob]] = {}
        """The jobs removed within the last interval, each with the time of its removal; the earliest first."""
        self.gone = Signal[[PolledJob]]()
        """This job is no longer polled, and no request about it is in flight."""

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def in_flight(self) -> Collection[PolledJob]:
        """The jobs in flight, including those that were removed from the queue meanwhile."""
        return tuple(self._in_flight)

    def get(self, job_id: int) -> PolledJob | None:
        """The job with this number, if it waits or is in flight."""
        return self._jobs.get(job_id)

    def ran_until(self, job_id: int) -> int | None:
        """When this process last saw the job active, in milliseconds UTC; None if it did not."""
        job = self._jobs.get(job_id)
        return None if job is None else job.ran_until

    def contains(self, job: PolledJob) -> bool:
        """Whether this very job waits or is in flight."""
        return self._jobs.get(job.id) is job

    def waits(self, job: PolledJob) -> bool:
        """Whether the job waits until it is due."""
        return self.contains(job) and not job.in_flight

    def account_sizes(self) -> dict[int, int]:
        """How many jobs each account has that has any."""
        return {account_id: account.jobs for account_id, account in self._accounts.items()}

    def of_account(self, account_id: int) -> int:
        """How many jobs of the account wait or are in flight."""
        account = self._accounts.get(account_id)
        return 0 if account is None else account.jobs

    def jobs_of_account(self, account_id: int) -> list[PolledJob]:
        """The jobs of the account that wait or are in flight."""
        account = self._accounts.get(account_id)
        if account is None:
            return []
        waiting = {number for _, number in account.heap}
        jobs = {self._jobs.get(number) for number in waiting} | {*self._in_flight}
        return [job for job in jobs if job is not None and job.account_id == account_id and self.contains(job)]

    def live_of_account(self, account_id: int) -> int:
        """How many jobs of the account are young and shown on a card or a summary."""
        account = self._accounts.get(account_id)
        return 0 if account is None else account.live

    # ---- what the poller asks ---------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When the next job that may be started is due; None if there is none."""
        self._forget_gone(self._clock.monotonic())
        job = self._first()
        return None if job is None else job.due

    def first_due(self) -> PolledJob | None:
        """The earliest job that is due and may be started."""
        job = self._first()
        return None if job is None or job.due > self._clock.monotonic() else job

    def polls(self) -> Polls:
        """Counts the jobs that are due. Looks at every job, which takes milliseconds for 100,000."""
        now = self._clock.monotonic()
        waits = [now - job.due for job in self._jobs.values() if job.due <= now]
        late = sum(wait > self._interval for wait in waits)
        return Polls(len(self._jobs), len(waits), late, max(waits, default=0.0))

    def gap(self, job: PolledJob) -> float:
        """Seconds between two requests about the job, without jitter."""
        return schedule.gap(self._interval, self._age(job))

    def is_old(self, job: PolledJob) -> bool:
        """Whether the gap between requests about the job no longer grows."""
        return self._age(job) > schedule.OLD

    def needs_record(self, job: PolledJob) -> bool:
        """Whether the job's own record is requested at every interval, to keep its card or summary up to date. That is
        so if the job is live and its account has few live jobs."""
        return self._is_live(job) and self.live_of_account(job.account_id) <= schedule.LIVE_JOBS

    def is_over_age(self, job: PolledJob) -> bool:
        """Whether the job has been watched for longer than JOB_MAX_AGE."""
        return self._clock.monotonic() >= self._over_age_at(job)

    def may_be_given_up(self, job: PolledJob, *, responded: bool) -> bool:
        """Whether the job has been watched for longer than JOB_MAX_AGE, and the API has just responded about it or has
        had enough time to."""
        return self.is_over_age(job) and (responded or self._clock.monotonic() >= self._grace_ends(job))

    # ---- jobs come and go -------------------------------------------------------------------------------------------

    def polling_begins(self) -> None:
        """Starts a grace period in which jobs older than JOB_MAX_AGE get time for one more request."""
        self._begun = self._clock.monotonic()

    def release_all(self) -> None:
        """Makes all jobs in flight due at once."""
        for job in self.in_flight:
            self.release(job)

    def add(self, row: OpenJob) -> None:
        """Adds a job that was just looked up and is now watched, or updates one whose watchers have changed."""
        job, is_new = self._updated(row)
        if job.in_flight:
            return
        if is_new:
            # Without a response of the API there is no snapshot.
            job.record_running_at = self._clock.monotonic() if row.snapshot is not None else None
            self._wait(job, self._after_response(job, self._clock.monotonic()))
        else:
            self._wait(job, job.due)

    def add_one_of_many(self, row: OpenJob, jobs: int) -> None:
        """Adds one of `jobs` jobs that were loaded together and have not been requested for a while. A job that already
        waits is not postponed, however often its account changes."""
        job, is_new = self._updated(row)
        if not job.in_flight:
            due = self._catch_up(job, max(jobs, len(self._jobs)))
            self._wait(job, due if is_new else min(due, job.due))

    def request_soon(self, job_ids: Collection[int]) -> None:
        """Schedules the first requests about these jobs soon, if they have not been requested yet."""
        now = self._clock.monotonic()
        for job in filter(None, map(self.get, job_ids)):
            if job.asked_at is None and not job.in_flight:
                self._wait(job, schedule.first_request_at(now, self._interval, len(job_ids), self._random))

    def report_end(self, job_id: int) -> bool:
        """Schedules an early look at a job whose end a callback reports. Returns whether the job is in the queue."""
        job = self._jobs.get(job_id)
        if job is None:
            return False
        job.reported_at = self._clock.monotonic()
        if not job.in_flight:
            self._wait_or_look_early(job, job.due)
        return True

    def remove(self, job_id: int) -> None:
        """Removes the job. If it is in flight, it counts against its account's limit until its request is over."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        now = self._clock.monotonic()
        account = self._accounts[job.account_id]
        account.jobs -= 1
        account.live -= job.is_live
        job.is_live = False
        self._forget_gone(now)
        self._gone[job.id] = (now, job)
        self._tidy(job.account_id)
        if not job.in_flight:
            self.gone(job)

    # ---- a job that is due ------------------------------------------------------------------------------------------

    def start(self, job: PolledJob) -> None:
        """Puts the job in flight."""
        job.asked_at = self._clock.monotonic()
        job.in_flight = True
        self._in_flight[job] = None
        self._accounts[job.account_id].in_flight += 1

    def record_requested(self, job: PolledJob) -> None:
        """Notes that the job's own record is being requested."""
        job.record_requested_at = self._clock.monotonic()
        if job.end_reported:
            job.asked_at = job.record_requested_at
            job.early_looks = (*job.early_looks, job.record_requested_at)[-len(schedule.EARLY_LOOKS) :]

    def still_running(self, job: PolledJob) -> None:
        """Makes the job wait: its record says that it has not ended."""
        self._responded(job)
        job.missing_since = None
        asked_at = job.asked_at if job.asked_at is not None else self._clock.monotonic()
        job.record_running_at = asked_at
        self._wait_or_look_early(job, self._after_response(job, asked_at))

    def named_by_list(self, job: PolledJob, listed_at: float) -> None:
        """Makes the job wait: a list requested at `listed_at` names it. That counts as a request about the job, because
        this job may be the only reason to request the next list."""
        self._responded(job)
        job.asked_at = listed_at
        job.ran_until = self._wall_time(listed_at)
        self._wait_or_look_early(job, self._after_response(job, listed_at))

    def missing(self, job: PolledJob) -> None:
        """Makes the job wait: the API does not know it. It is requested again when a second "not found" would be
        believed, or at its usual time if that is earlier, so a job that reappears is noticed without delay."""
        self._responded(job)
        now = self._clock.now()
        job.missing_since = schedule.missing_since(job.missing_since, job.ran_until, now)
        wait = schedule.second_404_after(self._interval) - (now - job.missing_since) / 1000
        asked_at = self._clock.monotonic()
        believed_at = asked_at + max(self._interval, wait) * self._random.uniform(1.01, 1 + schedule.JITTER)
        self._wait_or_look_early(job, min(believed_at, self._after_response(job, asked_at)))

    def failed(self, job: PolledJob) -> None:
        """Makes the job wait: there was no usable response, or it could not be recorded.

        A failed early look is followed by the next one. Only the last of them counts as a failure, because a callback
        must not make a job wait longer than it would have without it.
        """
        due = self._early_look(job)
        if due is None:
            job.failures += 1
            due = schedule.after_failure(self._clock.monotonic(), self._interval, job.failures, self._random)
        self._wait(job, due)

    def postpone(self, job: PolledJob, until: float) -> None:
        """Makes the job wait: its account backs off until `until`, which is `inf` without a usable token."""
        self._wait(job, schedule.spread(until, self._interval, job.asked_at, self._random))

    def defer(self, job: PolledJob, until: float) -> None:
        """Makes the job wait while the API is down: until `until`, or until soon after the API is back."""
        job.deferred = True
        self._wait(job, until)

    def release(self, job: PolledJob) -> None:
        """Makes the job due at once: its request was interrupted."""
        self._wait_or_look_early(job, self._clock.monotonic())

    def ended(self, job: PolledJob) -> None:
        """Removes a job in flight that has ended."""
        if self.contains(job):
            self.remove(job.id)
        self._finish_flight(job)

    # ---- many at once -----------------------------------------------------------------------------------------------

    def list_refreshed(self, left: Collection[PolledJob], named: Collection[PolledJob], at: float) -> None:
        """Applies a list requested at `at`. It still names the jobs `named`. It no longer names the jobs `left`, which
        may have ended and are due at once."""
        for job in filter(self.waits, left):
            self._wait(job, self._clock.monotonic())
        for job in filter(self.waits, named):
            if not self.needs_record(job):
                self.named_by_list(job, at)

    def seen_active(self, account_id: int, jobids: Collection[str], at: float) -> None:
        """Notes that a list requested at `at` names these jobs of the account, also those whose record is needed."""
        for job in self.jobs_of_account(account_id):
            if job.jobid in jobids:
                job.ran_until = max(self._wall_time(at), job.ran_until or 0)

    def try_again(self) -> None:
        """Spreads the jobs that were deferred or failed over an interval, or somewhat longer if there are very many. To
        be called when the API responds again, or when the database takes writes again."""
        for job in list(self._jobs.values()):
            if (job.deferred or job.failures) and not job.in_flight:
                self._responded(job)
                self._wait_or_look_early(job, self._catch_up(job, len(self._jobs)))

    # ---- times ------------------------------------------------------------------------------------------------------

    def _responded(self, job: PolledJob) -> None:
        job.failures = 0
        job.deferred = False

    def _wall_time(self, at: float) -> int:
        """A monotonic time in the past as milliseconds UTC."""
        return self._clock.now() - round((self._clock.monotonic() - at) * 1000)

    def _age(self, job: PolledJob) -> float:
        return self._clock.monotonic() - job.watched_at

    def _over_age_at(self, job: PolledJob) -> float:
        """When the job will have been watched for JOB_MAX_AGE. All comparisons use this sum: two that are rounded
        differently would leave a job that is due at this very moment without a next time."""
        return job.watched_at + self._max_age / 1000

    def _grace_ends(self, job: PolledJob) -> float:
        """Until when the job is not given up without a response. It may have been left alone for long, until this start
        or until its server or its token came back, so it is requested once before it is given up."""
        return max(self._begun, job.queued_at) + schedule.slowest(self._interval)

    def _is_live(self, job: PolledJob) -> bool:
        return schedule.is_live(self._age(job), is_shown=job.is_shown)

    def _after_response(self, job: PolledJob, asked_at: float) -> float:
        return schedule.after_gap(asked_at, self._interval, self.gap(job), self._random)

    def _catch_up(self, job: PolledJob, jobs: int) -> float:
        now = self._clock.monotonic()
        return schedule.catch_up(now, self._interval, self.gap(job), jobs, job.asked_at, self._random)

    def _wait_or_look_early(self, job: PolledJob, due: float) -> None:
        """Makes the job wait until it is `due`, or until its next early look if that is earlier."""
        early = self._early_look(job)
        self._wait(job, due if early is None else min(early, due))

    def _early_look(self, job: PolledJob) -> float | None:
        """When the next early look at the job is due; None if none is left to do.

        A job older than JOB_MAX_AGE gets none: it may be given up without a request, and as long as that fails, an
        early look would be due again at once.
        """
        if job.reported_at is None:
            return None
        early = None
        if not self.is_over_age(job):
            early = schedule.early_look(self._clock.monotonic(), self._interval, job.early_looks, job.reported_at)
        if early is None:
            job.reported_at = None
        return early

    def _bounded(self, job: PolledJob, wanted: float) -> float:
        """When a job that would be due at the time `wanted` is really due.

        That is earlier if the job can be given up before `wanted`. It is later if the job's record was requested less
        than an interval before, unless a callback has reported the job's end.
        """
        due = min(wanted, self._next_give_up(job))
        if job.record_requested_at is not None and not job.end_reported:
            due = max(due, job.record_requested_at + self._interval)
        return due

    def _next_give_up(self, job: PolledJob) -> float:
        """When the job's age or the end of its grace period will allow to give it up; `inf` if both are over."""
        now, over_age_at, grace_ends = self._clock.monotonic(), self._over_age_at(job), self._grace_ends(job)
        if over_age_at > now:
            return over_age_at
        return grace_ends if grace_ends > now else math.inf

    # ---- states -----------------------------------------------------------------------------------------------------

    def _updated(self, row: OpenJob) -> tuple[PolledJob, bool]:
        """The job, updated from the database's row, and whether it is new to the queue."""
        job = self._jobs.get(row.id)
        if job is not None and job.account_id != row.account_id:
            self.remove(row.id)
            job = None
        is_new = job is None
        if job is None:
            job = self._insert(row)
            job.ran_until_noted = self._clock.now()
            job.queued_at = self._clock.monotonic()
        if is_new or job.watched_since != row.watched_since:
            job.watched_since = row.watched_since
            job.watched_at = self._clock.monotonic() - max(0, self._clock.now() - row.watched_since) / 1000
        job.missing_since = row.missing_since
        job.has_card = row.has_card
        job.is_shown = row.is_shown
        if row.snapshot is not None:
            job.snapshot_hash = hash(row.snapshot)
            job.body_fingerprint = None
        return job, is_new

    def _insert(self, row: OpenJob) -> PolledJob:
        """Adds a job. If it was removed a moment ago, it keeps the times of its requests, so that it is not requested
        again too soon."""
        _, before = self._gone.pop(row.id, (0.0, None))
        if before is not None and before.in_flight and before.account_id == row.account_id:
            job = before
        else:
            job = PolledJob(row.id, row.account_id, row.jobid)
            if before is not None:
                job.record_requested_at = before.record_requested_at
                job.early_looks = before.early_looks
        self._jobs[job.id] = job
        self._accounts.setdefault(job.account_id, _AccountQueue()).jobs += 1
        return job

    def _wait(self, job: PolledJob, due: float) -> None:
        """Makes the job wait until it is `due`, within bounds. Does not bring back a job that is gone."""
        if not self.contains(job):
            self._finish_flight(job)
            return
        account = self._accounts[job.account_id]
        if job.in_flight:
            self._end_flight(job, account)
        job.due = self._bounded(job, due)
        is_live = self._is_live(job)
        account.live += is_live - job.is_live
        job.is_live = is_live
        heapq.heappush(account.heap, (job.due, job.id))
        self._tidy(job.account_id)
        self._enter(job.account_id, account)

    def _finish_flight(self, job: PolledJob) -> None:
        """Ends the flight of a job that is gone, so that its account may start another one."""
        if job.in_flight:
            account = self._accounts[job.account_id]
            self._end_flight(job, account)
            self._enter(job.account_id, account)
            self._tidy(job.account_id)
            self.gone(job)

    def _end_flight(self, job: PolledJob, account: _AccountQueue) -> None:
        job.in_flight = False
        del self._in_flight[job]
        account.in_flight -= 1

    def _tidy(self, account_id: int) -> None:
        """Forgets the account if none of its jobs is left; otherwise drops outdated entries that are too many."""
        account = self._accounts[account_id]
        if account.jobs == 0 and account.in_flight == 0:
            del self._accounts[account_id]
        elif len(account.heap) > 2 * account.jobs:
            account.heap = list({entry for entry in account.heap if self._is_current(entry, account_id)})
            heapq.heapify(account.heap)

    def _forget_gone(self, now: float) -> None:
        """Forgets the jobs that were removed more than an interval ago."""
        while self._gone:
            job_id, (left_at, _) = next(iter(self._gone.items()))
            if now - left_at < self._interval:
                return
            del self._gone[job_id]

    def _is_current(self, entry: tuple[float, int], account_id: int) -> bool:
        """Whether this entry of the account's heap is not outdated."""
        due, job_id = entry
        job = self._jobs.get(job_id)
        return job is not None and job.account_id == account_id and job.due == due and not job.in_flight

    def _earliest(self, account_id: int, account: _AccountQueue) -> float:
        """When the account's next job may be started; `inf` if none may."""
        if account.in_flight >= self._per_account:
            return math.inf
        while account.heap and not self._is_current(account.heap[0], account_id):
            heapq.heappop(account.heap)
        return account.heap[0][0] if account.heap else math.inf

    def _enter(self, account_id: int, account: _AccountQueue) -> None:
        """Gives the account an entry in the heap of accounts, unless it has one that is early enough."""
        earliest = self._earliest(account_id, account)
        if earliest < account.entry_at:
            account.entry_at = earliest
            heapq.heappush(self._account_heap, (earliest, account_id))
        if len(self._account_heap) > 2 * len(self._accounts):
            entries = [(one.entry_at, key) for key, one in self._accounts.items() if one.entry_at < math.inf]
            heapq.heapify(entries)
            self._account_heap = entries

    def _first(self) -> PolledJob | None:
        """The earliest job that may be started once it is due."""
        while self._account_heap:
            at, account_id = self._account_heap[0]
            account = self._accounts.get(account_id)
            if account is None or account.entry_at != at:  # The entry is outdated.
                heapq.heappop(self._account_heap)
                continue
            earliest = self._earliest(account_id, account)
            if earliest == at:
                return self._jobs[account.heap[0][1]]
            # The entry was too early.
            heapq.heappop(self._account_heap)
            account.entry_at = earliest
            if earliest < math.inf:
                heapq.heappush(self._account_heap, (earliest, account_id))
        return None
