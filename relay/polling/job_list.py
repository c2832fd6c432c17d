"""Uses the API's list of an account's active jobs to save requests about each of them.

Only a job's own record decides what becomes of the job. The list only shows that the record need not be requested yet.
If the list does not name a job, or no longer names it, the record is requested. It is also requested now and then while
the list names the job. A list is not used for a while if it fails, or if it still names a job whose record said before
that the job had ended.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from pixverse.api_errors import (
    AccountBroken,
    BadRequest,
    NoList,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from relay.changes import Signal
from relay.clock import sleep_unless_woken
from relay.failures import backoff
from relay.polling import schedule
from relay.polling.job_queue import PolledJob
from relay.polling.schedule import Timing

log = logging.getLogger(__name__)

FEWEST_JOBS = 3
"""With fewer jobs of one account, a list would save nothing."""
_LAGGING_INTERVALS = 30
_REFUSED_INTERVALS = 30
_LONGEST_BACKOFF_INTERVALS = 16
_LIST_AWAITED_SECONDS = 1.0
_REFUSALS = (TokenRefused, SubscriptionUnpaid, AccountBroken, BadRequest, NoList)

KindOf = Callable[[str], str]
"""Returns the kind of list that names the job with this id while it is active."""
ListActiveJobs = Callable[[str, str], Awaitable[Collection[str]]]
"""Requests a kind of list with a token; returns the ids of active jobs. Raises a subclass of PixVerseError."""
TokenOf = Callable[[int], str | None]
_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class ListRefreshed:
    """A new list, and what it says about the jobs whose records were not requested because of the previous one."""

    account_id: int
    kind: str
    at: float
    """When the list was requested, in monotonic seconds."""
    jobs: frozenset[str]
    """The job ids that the list names."""
    left: tuple[PolledJob, ...]
    """Jobs that the list no longer names: their records are needed at once."""
    named: tuple[PolledJob, ...]
    """Jobs that the list names, which is enough for now."""


@dataclass(slots=True)
class _JobList:
    """One account's list."""

    at: float = float("-inf")
    """When the list was requested, in monotonic seconds."""
    jobs: frozenset[str] = frozenset()
    relying: dict[str, tuple[PolledJob, float]] = field(default_factory=dict)
    """Jobs whose record was not requested because the list names them, each with its gap between requests."""
    ended: dict[str, float] = field(default_factory=dict)
    """Jobs whose record said that they had ended while the list still named them, with the time of that response."""
    failures: int = 0
    backoff_until: float = float("-inf")
    """Until when the list is not requested, because it failed."""
    doubted_until: float = float("-inf")
    """Until when the list is not used, because it lagged."""
    request: asyncio.Task[None] | None = None
    """The request in flight."""

    def is_of_no_use(self, now: float) -> bool:
        return now < max(self.backoff_until, self.doubted_until)


class JobLists:
    """Decides whether a list can replace a request about a job that is due. Times are monotonic seconds."""

    def __init__(
        self,
        fetch: ListActiveJobs,
        kind_of: KindOf,
        token_of: TokenOf,
        backoff_until: Callable[[int], float | None],
        timing: Timing,
    ) -> None:
        """`backoff_until` returns until when an account backs off, or None."""
        self._fetch = fetch
        self._kind_of = kind_of
        self._token_of = token_of
        self._account_backoff_until = backoff_until
        self._clock = timing.clock
        self._interval = timing.interval
        self._lists: dict[_Key, _JobList] = {}
        self._kept: frozenset[int] = frozenset()
        self.refreshed = Signal[[ListRefreshed]]()
        """A new list has arrived. Jobs that would soon have caused another request can use it too."""
        self.refused = Signal[[int]]()
        """A list of this account was refused with 401 or 402."""

    def keep_up(self, account_ids: Collection[int]) -> None:
        """Sets the accounts whose lists are requested at every interval, however few of their jobs are polled, because
        channels follow them."""
        self._kept = frozenset(account_ids)

    def worth_it(self, account_id: int, jobs: int) -> bool:
        """Whether a list saves requests when `jobs` jobs of the account are polled."""
        return jobs >= FEWEST_JOBS or account_id in self._kept

    async def refresh(self, account_id: int, kind: str) -> float:
        """Requests the list again if it is at least an interval old, unless it backs off. Returns when to call this
        next, in monotonic seconds."""
        listed = self._lists.setdefault((account_id, kind), _JobList())
        request = self._requested((account_id, kind), listed, self._interval)
        if request is not None:
            await asyncio.shield(request)
        return max(
            listed.at + self._interval, listed.backoff_until, self._account_backoff_until(account_id) or -math.inf
        )

    async def refresh_for(self, job: PolledJob) -> None:
        """Requests the list that names the job while it is active again, if it is at least an interval old."""
        await self.refresh(job.account_id, self._kind_of(job.jobid))

    def latest(self, account_id: int, kind: str) -> frozenset[str]:
        """The job ids in the list, if it was requested within the last interval; otherwise empty."""
        listed = self._lists.get((account_id, kind))
        young = listed is not None and self._clock.monotonic() - listed.at < self._interval
        return listed.jobs if listed is not None and young else frozenset()

    async def names(self, job: PolledJob, gap: float) -> float | None:
        """When the list was requested, if it names the job and is recent enough; None if the job's record is needed.

        Requests the list if it is too old. `gap` is the number of seconds between two requests about the job.
        """
        kind = self._kind_of(job.jobid)
        now = self._clock.monotonic()
        if not self._record_is_young(job, gap, now):
            return None
        listed = self._lists.setdefault((job.account_id, kind), _JobList())
        if listed.is_of_no_use(now):
            return None
        age = schedule.shortest(self._interval, gap)
        request = self._requested((job.account_id, kind), listed, age)
        if request is not None:
            await self._wait_a_little(request)
        now = self._clock.monotonic()
        if listed.is_of_no_use(now) or now - listed.at >= age or job.jobid not in listed.jobs:
            return None
        listed.relying[job.jobid] = (job, gap)
        return listed.at

    def job_ended(self, job: PolledJob) -> None:
        """Notes that the job's record says that it has ended. A list requested from now on must not name the job."""
        listed = self._lists.get((job.account_id, self._kind_of(job.jobid)))
        if listed is not None and job.jobid in listed.jobs:
            listed.ended[job.jobid] = self._clock.monotonic()

    def job_gone(self, job: PolledJob) -> None:
        """Forgets a job that is no longer polled. The next list would forget it, but there may be none: this job may
        have been the last one that needed it."""
        listed = self._lists.get((job.account_id, self._kind_of(job.jobid)))
        if listed is not None:
            listed.relying.pop(job.jobid, None)

    def account_changed(self, account_id: int) -> None:
        """Forgets the account's lists if it has lost its token."""
        if self._token_of(account_id) is None:
            for key in [key for key in self._lists if key[0] == account_id]:
                del self._lists[key]

    def _requested(self, key: _Key, listed: _JobList, age: float) -> asyncio.Task[None] | None:
        """The request for the list, shared by all callers, if the list is at least `age` seconds old. None if it is
        younger, or if it or its account backs off."""
        now = self._clock.monotonic()
        if now - listed.at < age or now < listed.backoff_until or self._account_backoff_until(key[0]) is not None:
            return None
        if listed.request is None:
            listed.request = asyncio.create_task(self._ask(key, listed))
            listed.request.add_done_callback(lambda _: _over(listed))
        return listed.request

    async def _wait_a_little(self, request: asyncio.Task[None]) -> None:
        """Waits for the list, but not long. If the list is slow, the job's record is requested in its place, so that no
        outcome is late."""
        answered = asyncio.Event()
        request.add_done_callback(lambda _: answered.set())
        await sleep_unless_woken(self._clock, min(_LIST_AWAITED_SECONDS, self._interval / 4), answered)
        if request.done():
            request.result()

    async def _ask(self, key: _Key, listed: _JobList) -> None:
        account_id, kind = key
        token = self._token_of(account_id)
        asked_at = self._clock.monotonic()
        if token is None:
            listed.backoff_until = asked_at + self._interval
            return
        try:
            jobs = await self._fetch(token, kind)
        except PixVerseError as error:
            self._failed(account_id, listed, error)
            return
        listed.failures = 0
        listed.at, listed.jobs = asked_at, frozenset(jobs)
        if self._lags(listed):
            listed.doubted_until = self._clock.monotonic() + self._interval * _LAGGING_INTERVALS
            listed.relying.clear()
            log.warning("the list of account %d's jobs lags; requesting them one by one", account_id)
        self._signal_refreshed(key, listed)

    def _failed(self, account_id: int, listed: _JobList, error: PixVerseError) -> None:
        """Makes the list back off. Jobs that relied on it keep their due times."""
        listed.failures += 1
        listed.backoff_until = self._clock.monotonic() + self._backoff_after(error, listed.failures)
        log.info("no list of account %d's jobs; requesting them one by one: %s", account_id, error)
        if isinstance(error, TokenRefused | SubscriptionUnpaid):
            self.refused(account_id)

    def _backoff_after(self, error: PixVerseError, failures: int) -> float:
        if isinstance(error, _REFUSALS):
            return self._interval * _REFUSED_INTERVALS
        asked = error.retry_after if isinstance(error, RateLimited | Unavailable) else None
        longest = self._interval * _LONGEST_BACKOFF_INTERVALS
        # The list backs off for longer than the API asks, so that records come first: a list that is always refused
        # must not delay them.
        return (asked or 0.0) + backoff(2 * self._interval, failures, longest)

    def _lags(self, listed: _JobList) -> bool:
        """Whether the list names a job that had ended before the list was requested."""
        lags = any(ended_at < listed.at and jobid in listed.jobs for jobid, ended_at in listed.ended.items())
        listed.ended = {jobid: ended_at for jobid, ended_at in listed.ended.items() if ended_at >= listed.at}
        return lags

    def _signal_refreshed(self, key: _Key, listed: _JobList) -> None:
        now = self._clock.monotonic()
        left = [job for jobid, (job, _) in listed.relying.items() if jobid not in listed.jobs]
        listed.relying = {jobid: relying for jobid, relying in listed.relying.items() if jobid in listed.jobs}
        named = [job for job, gap in listed.relying.values() if self._record_is_young(job, gap, now)]
        self.refreshed(ListRefreshed(*key, listed.at, listed.jobs, tuple(left), tuple(named)))

    def _record_is_young(self, job: PolledJob, gap: float, now: float) -> bool:
        """Whether the job's own record showed recently enough that the job runs. Only then may a list replace it."""
        longest = schedule.record_after(gap, has_card=job.has_card)
        return job.record_running_at is not None and now - job.record_running_at < longest


def _over(listed: _JobList) -> None:
    listed.request = None
