"""The jobs that the poller asks about, in memory, the earliest due first."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


class Watched:
    """One job: small, since there may be a hundred thousand."""

    __slots__ = (
        "account_id",
        "asked_at",
        "busy",
        "claimed",
        "due",
        "early_looks",
        "failures",
        "fingerprint",
        "has_card",
        "heard",
        "id",
        "jobid",
        "missing_since",
        "put_off",
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
        self.watched_since = 0
        """Milliseconds UTC."""
        self.missing_since: int | None = None
        """Milliseconds UTC."""
        self.due = 0.0
        """Monotonic seconds."""
        self.asked_at: float | None = None
        """Monotonic seconds."""
        self.failures = 0
        """Questions in a row without a usable answer."""
        self.busy = False
        """It is being asked about."""
        self.seen_at: float | None = None
        """When its record was last asked for and told no end, monotonic seconds."""
        self.put_off = False
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


class Agenda:
    """A heap of jobs. An entry that a later one has replaced is recognised by its time and dropped when it comes up."""

    def __init__(self) -> None:
        self._jobs: dict[int, Watched] = {}
        self._by_account: Counter[int] = Counter()
        self._heap: list[tuple[float, int]] = []

    def __len__(self) -> int:
        return len(self._jobs)

    def __iter__(self) -> Iterator[Watched]:
        return iter(list(self._jobs.values()))

    def get(self, job_id: int) -> Watched | None:
        """The job with this number, if it is on the agenda."""
        return self._jobs.get(job_id)

    def waits(self, job: Watched) -> bool:
        """Whether it is on the agenda and not being asked about."""
        return self._jobs.get(job.id) is job and not job.busy

    def of_account(self, account_id: int) -> int:
        """How many jobs of the account are on the agenda."""
        return self._by_account[account_id]

    def put(self, job: Watched, due: float) -> None:
        """Adds the job, or moves it to another time."""
        if job.id not in self._jobs:
            self._by_account[job.account_id] += 1
        known = self._jobs.setdefault(job.id, job)
        if known is not job:
            raise ValueError(f"job #{job.id} is on the agenda already")
        job.due = due
        heapq.heappush(self._heap, (due, job.id))
        if len(self._heap) > 2 * len(self._jobs) + 64:
            self._tidy()

    def drop(self, job_id: int) -> None:
        """Takes a job off."""
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        self._by_account[job.account_id] -= 1
        if self._by_account[job.account_id] == 0:
            del self._by_account[job.account_id]

    def next_due(self) -> float | None:
        """When the earliest job is due."""
        while self._heap:
            due, job_id = self._heap[0]
            job = self._jobs.get(job_id)
            if job is not None and job.due == due and not job.busy:
                return due
            heapq.heappop(self._heap)
        return None

    def polls(self, now: float, interval: float) -> Polls:
        """How many jobs are due, in line and under way included; looks at every job, in milliseconds for 100,000."""
        waits = [now - job.due for job in self._jobs.values() if job.due <= now]
        return Polls(len(self._jobs), len(waits), sum(wait > interval for wait in waits), max(waits, default=0.0))

    def take_due(self, now: float) -> Watched | None:
        """The earliest job, if it is due; it is busy from then on, until it is put again."""
        due = self.next_due()
        if due is None or due > now:
            return None
        _, job_id = heapq.heappop(self._heap)
        job = self._jobs[job_id]
        job.busy = True
        return job

    def _tidy(self) -> None:
        self._heap = [(job.due, job.id) for job in self._jobs.values() if not job.busy]
        heapq.heapify(self._heap)
