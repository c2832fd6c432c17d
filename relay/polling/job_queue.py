"""The jobs that the poller asks about, in memory, the earliest due first; the one place that changes their state."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field


class Watched:
    """One job: small, since there may be a hundred thousand."""

    __slots__ = (
        "account_id",
        "asked_at",
        "claimed",
        "deferred",
        "due",
        "early_looks",
        "failures",
        "fingerprint",
        "has_card",
        "heard",
        "id",
        "in_flight",
        "is_live",
        "is_shown",
        "jobid",
        "missing_since",
        "ran_until",
        "ran_until_noted",
        "requested_at",
        "seen_at",
        "watched_since",
    )

    def __init__(self, job_id: int, account_id: int, jobid: str) -> None:
        self.id = job_id
        self.account_id = account_id
        self.jobid = jobid
        self.fingerprint = 0
        """Of the last answer that was recorded."""
        self.heard: int | None = None
        """Of the bytes of that answer, where they are known: the same ones again are no news."""
        self.has_card = True
        """Somewhere a card of its own shows how far it is."""
        self.is_shown = True
        """Somewhere a card or a summary shows how far it is."""
        self.is_live = False
        """It was young and shown when it was last put. Only JobQueue changes this."""
        self.watched_since = 0
        """Milliseconds UTC."""
        self.missing_since: int | None = None
        """Milliseconds UTC."""
        self.due = 0.0
        """Monotonic seconds."""
        self.asked_at: float | None = None
        """When it, or a list that named it, was last asked about, monotonic seconds."""
        self.requested_at: float | None = None
        """When its own record was last asked for, monotonic seconds."""
        self.failures = 0
        """Questions in a row without a usable answer."""
        self.in_flight = False
        """It is being asked about. Only JobQueue changes this."""
        self.seen_at: float | None = None
        """When its record was last asked for and told no end, monotonic seconds."""
        self.ran_until: int | None = None
        """When it was last told to be in work, milliseconds UTC, as far as this process knows."""
        self.ran_until_noted = 0
        """When that was last written down, or the job taken into the queue; milliseconds UTC."""
        self.deferred = False
        """It was due while the API was down."""
        self.claimed = False
        """A callback claims that it has ended, and the record is to be looked at because of that."""
        self.early_looks: tuple[float, ...] = ()
        """When it was asked about because of such claims, monotonic seconds; the last few."""


@dataclass(frozen=True, slots=True)
class Polls:
    """How far the poller has come."""

    jobs: int
    """All that are polled."""
    due: int
    """Those whose time has come, and about which the API has not answered yet."""
    late: int
    """Those that have waited for longer than an interval."""
    longest: float
    """Seconds for which the first of them has waited."""


@dataclass(slots=True)
class _AccountQueue:
    """The jobs of one account."""

    jobs: int = 0
    live: int = 0
    in_flight: int = 0
    heap: list[tuple[float, int]] = field(default_factory=list)
    """Time and number of each job that waits, and entries that have been replaced since."""
    announced: float = math.inf
    """The time under which the account stands in the heap of all accounts."""


class JobQueue:
    """Each job is in one state: waiting until it is due, in flight, or gone.

    At most `per_account` jobs of one account are in flight at once; its others keep their place by the time at which
    they were due. Entries of the heaps that have been replaced are recognised by their time and dropped when they come
    up. Times are monotonic seconds.
    """

    def __init__(self, interval: float, per_account: int = 8) -> None:
        self._interval = interval
        self._per_account = per_account
        self._jobs: dict[int, Watched] = {}
        self._in_flight: dict[Watched, None] = {}
        self._accounts: dict[int, _AccountQueue] = {}
        self._heap: list[tuple[float, int]] = []
        """Time and number of each account of which a job may be started."""
        self._gone: dict[int, tuple[float, Watched]] = {}
        """When each job of the last interval left; the earliest first."""

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Watched]:
        return iter(list(self._jobs.values()))

    @property
    def in_flight(self) -> Collection[Watched]:
        """The jobs that are being asked about, those included that are gone meanwhile."""
        return tuple(self._in_flight)

    def get(self, job_id: int) -> Watched | None:
        """The job with this number, if it waits or is in flight."""
        return self._jobs.get(job_id)

    def holds(self, job: Watched) -> bool:
        """Whether this very job waits or is in flight."""
        return self._jobs.get(job.id) is job

    def waits(self, job: Watched) -> bool:
        """Whether it waits until it is due."""
        return self.holds(job) and not job.in_flight

    def of_account(self, account_id: int) -> int:
        """How many jobs of the account wait or are in flight."""
        account = self._accounts.get(account_id)
        return 0 if account is None else account.jobs

    def live_of_account(self, account_id: int) -> int:
        """How many jobs of the account are young and shown on a card or a summary."""
        account = self._accounts.get(account_id)
        return 0 if account is None else account.live

    # ---- changes of state -------------------------------------------------------------------------------------------

    def new(self, job_id: int, account_id: int, jobid: str) -> Watched:
        """A job that is about to be put; one that left a moment ago still knows when it was last asked about, so that
        it is not asked about again too soon."""
        _, before = self._gone.pop(job_id, (0.0, None))
        if before is None:
            return Watched(job_id, account_id, jobid)
        if before.in_flight and before.account_id == account_id:
            self._add(before)
            return before
        job = Watched(job_id, account_id, jobid)
        job.requested_at = before.requested_at
        job.early_looks = before.early_looks
        return job

    def put(self, job: Watched, due: float, *, is_live: bool = False) -> None:
        """The job waits until `due`: a new one, one that waited until another time, or one that was in flight."""
        if not self.holds(job):
            self._add(job)
        self._land(job)
        job.due = due
        account = self._accounts[job.account_id]
        account.live += is_live - job.is_live
        job.is_live = is_live
        heapq.heappush(account.heap, (due, job.id))
        if len(account.heap) > 2 * account.jobs + 64:
            account.heap = list({entry for entry in account.heap if self._is_current(entry, job.account_id)})
            heapq.heapify(account.heap)
        self._announce(job.account_id, account)

    def start(self, job: Watched) -> None:
        """The job is in flight, until it is put or dropped."""
        account = self._accounts[job.account_id]
        job.in_flight = True
        self._in_flight[job] = None
        account.in_flight += 1

    def drop(self, job: Watched, now: float) -> None:
        """The job is gone. One that is in flight stays so, for its account's bound, until it has landed."""
        if not self.holds(job):
            return
        del self._jobs[job.id]
        account = self._accounts[job.account_id]
        account.jobs -= 1
        account.live -= job.is_live
        job.is_live = False
        self._forget_gone(now)
        self._gone[job.id] = (now, job)
        self._tidy(job.account_id)

    def landed(self, job: Watched, now: float) -> None:
        """The job was in flight and is gone."""
        self.drop(job, now)
        self._land(job)

    # ---- what is due ------------------------------------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When the earliest job is due that may be started."""
        job = self._first()
        return None if job is None else job.due

    def first_due(self, now: float) -> Watched | None:
        """The earliest job that may be started, if it is due."""
        job = self._first()
        return None if job is None or job.due > now else job

    def polls(self, now: float) -> Polls:
        """How many jobs are due, those in flight included; looks at every job, in milliseconds for 100,000."""
        waits = [now - job.due for job in self._jobs.values() if job.due <= now]
        late = sum(wait > self._interval for wait in waits)
        return Polls(len(self._jobs), len(waits), late, max(waits, default=0.0))

    # ---- inside -----------------------------------------------------------------------------------------------------

    def _add(self, job: Watched) -> None:
        if job.id in self._jobs:
            raise ValueError(f"job #{job.id} is in the queue already")
        self._jobs[job.id] = job
        self._accounts.setdefault(job.account_id, _AccountQueue()).jobs += 1

    def _land(self, job: Watched) -> None:
        if not job.in_flight:
            return
        job.in_flight = False
        del self._in_flight[job]
        account = self._accounts[job.account_id]
        account.in_flight -= 1
        self._announce(job.account_id, account)
        self._tidy(job.account_id)

    def _tidy(self, account_id: int) -> None:
        account = self._accounts[account_id]
        if account.jobs == 0 and account.in_flight == 0:
            del self._accounts[account_id]

    def _forget_gone(self, now: float) -> None:
        while self._gone:
            job_id, (left_at, _) = next(iter(self._gone.items()))
            if now - left_at < self._interval:
                return
            del self._gone[job_id]

    def _is_current(self, entry: tuple[float, int], account_id: int) -> bool:
        due, job_id = entry
        job = self._jobs.get(job_id)
        return job is not None and job.account_id == account_id and job.due == due and not job.in_flight

    def _earliest(self, account_id: int, account: _AccountQueue) -> float:
        """When a job of the account may be started."""
        if account.in_flight >= self._per_account:
            return math.inf
        while account.heap and not self._is_current(account.heap[0], account_id):
            heapq.heappop(account.heap)
        return account.heap[0][0] if account.heap else math.inf

    def _announce(self, account_id: int, account: _AccountQueue) -> None:
        earliest = self._earliest(account_id, account)
        if earliest < account.announced:
            account.announced = earliest
            heapq.heappush(self._heap, (earliest, account_id))
        if len(self._heap) > 2 * len(self._accounts) + 64:
            self._heap = [(one.announced, key) for key, one in self._accounts.items() if one.announced < math.inf]
            heapq.heapify(self._heap)

    def _first(self) -> Watched | None:
        while self._heap:
            due, account_id = self._heap[0]
            account = self._accounts.get(account_id)
            if account is None or account.announced != due:
                heapq.heappop(self._heap)
                continue
            earliest = self._earliest(account_id, account)
            if earliest == due:
                return self._jobs[account.heap[0][1]]
            heapq.heappop(self._heap)
            account.announced = earliest
            if earliest < math.inf:
                heapq.heappush(self._heap, (earliest, account_id))
        return None
