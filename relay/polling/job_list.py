"""The API's list of an account's jobs in work, in place of a request about each of them.

The truth stays with a job's record. The list only says that there is no need to request it yet: the record of a job
that the list does not name, or no longer names, is requested, and each record now and then whatever the list says. A
list that fails, or that still names a job whose record said before that it had ended, is not used for a while.
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
"""For fewer jobs of one account a list would save nothing."""
_LAGGING_INTERVALS = 30
_REFUSED_INTERVALS = 30
_LONGEST_BACKOFF_INTERVALS = 16
_PATIENCE_SECONDS = 1.0
_REFUSALS = (TokenRefused, SubscriptionUnpaid, AccountBroken, BadRequest, NoList)

KindOf = Callable[[str], str]
"""The list in which the job with this id would stand."""
ListActiveJobs = Callable[[str, str], Awaitable[Collection[str]]]
"""Requests the list of a kind with a token; returns the ids of jobs in work. Raises a class of PixVerseError."""
TokenOf = Callable[[int], str | None]
_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class ListRefreshed:
    """A new list, and what it says about the jobs that relied on the one before."""

    account_id: int
    kind: str
    at: float
    """When it was requested, monotonic seconds."""
    jobs: frozenset[str]
    """The ids that it names."""
    left: tuple[PolledJob, ...]
    """Jobs that the list no longer names: their records are needed at once."""
    named: tuple[PolledJob, ...]
    """Jobs that the list names, which is enough for now."""


@dataclass(slots=True)
class _JobList:
    """One account's list."""

    at: float = float("-inf")
    """When it was requested, monotonic seconds."""
    jobs: frozenset[str] = frozenset()
    relying: dict[str, tuple[PolledJob, float]] = field(default_factory=dict)
    """Jobs whose record was not requested because the list names them, each with its gap between two requests."""
    ended: dict[str, float] = field(default_factory=dict)
    """Jobs that the list named when their record said that they had ended, and when it did."""
    failures: int = 0
    backoff_until: float = float("-inf")
    """The list failed and is not requested until then."""
    doubted_until: float = float("-inf")
    """The list lagged and is not used until then."""
    request: asyncio.Task[None] | None = None
    """In flight."""

    def is_of_no_use(self, now: float) -> bool:
        return now < max(self.backoff_until, self.doubted_until)


class JobLists:
    """Decides whether a list will do for a job that is due. Times are monotonic seconds."""

    def __init__(
        self,
        fetch: ListActiveJobs,
        kind_of: KindOf,
        token_of: TokenOf,
        backoff_until: Callable[[int], float | None],
        timing: Timing,
    ) -> None:
        """`backoff_until` tells until when nothing may be requested with an account's token; None if it may be now."""
        self._fetch = fetch
        self._kind_of = kind_of
        self._token_of = token_of
        self._account_backoff_until = backoff_until
        self._clock = timing.clock
        self._interval = timing.interval
        self._lists: dict[_Key, _JobList] = {}
        self._kept: frozenset[int] = frozenset()
        self.refreshed = Signal[[ListRefreshed]]()
        """There is a new list: one serves everybody who would request it soon."""
        self.refused = Signal[[int]]()
        """A list of this account was refused with 401 or 402."""

    def keep_up(self, account_ids: Collection[int]) -> None:
        """The lists of these accounts are requested at each interval, by `refresh`, whatever jobs are polled."""
        self._kept = frozenset(account_ids)

    def worth_it(self, account_id: int, jobs: int) -> bool:
        """Whether a list saves requests when so many of the account's jobs are polled."""
        return jobs >= FEWEST_JOBS or account_id in self._kept

    async def refresh(self, account_id: int, kind: str) -> float:
        """Requests a list that is an interval old, unless it backs off; returns when it is to be requested next."""
        listed = self._lists.setdefault((account_id, kind), _JobList())
        request = self._requested((account_id, kind), listed, self._interval)
        if request is not None:
            await asyncio.shield(request)
        return max(
            listed.at + self._interval, listed.backoff_until, self._account_backoff_until(account_id) or -math.inf
        )

    def latest(self, account_id: int, kind: str) -> frozenset[str]:
        """The ids that a list of the last interval named; none if there is no such list."""
        listed = self._lists.get((account_id, kind))
        young = listed is not None and self._clock.monotonic() - listed.at < self._interval
        return listed.jobs if listed is not None and young else frozenset()

    async def names(self, job: PolledJob, gap: float) -> float | None:
        """When the list was requested, if it names the job and is younger than `gap`, the seconds between two requests
        about the job. None if the job's own record is needed."""
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
        """The job's record said that it has ended: a list that is requested from now on must not name it."""
        listed = self._lists.get((job.account_id, self._kind_of(job.jobid)))
        if listed is not None and job.jobid in listed.jobs:
            listed.ended[job.jobid] = self._clock.monotonic()

    def job_gone(self, job: PolledJob) -> None:
        """The job is polled no longer: there may never be another list, since it was perhaps the last that needed
        one."""
        listed = self._lists.get((job.account_id, self._kind_of(job.jobid)))
        if listed is not None:
            listed.relying.pop(job.jobid, None)

    def account_changed(self, account_id: int) -> None:
        """The account may have lost its token: its lists are requested no more."""
        if self._token_of(account_id) is None:
            for key in [key for key in self._lists if key[0] == account_id]:
                del self._lists[key]

    def _requested(self, key: _Key, listed: _JobList, age: float) -> asyncio.Task[None] | None:
        """The request for a list that is older than `age` seconds, one for everybody who waits; None if the list is
        younger, or if it or its account backs off."""
        now = self._clock.monotonic()
        if now - listed.at < age or now < listed.backoff_until or self._account_backoff_until(key[0]) is not None:
            return None
        if listed.request is None:
            listed.request = asyncio.create_task(self._ask(key, listed))
            listed.request.add_done_callback(lambda _: _over(listed))
        return listed.request

    async def _wait_a_little(self, request: asyncio.Task[None]) -> None:
        """A slow list must make no outcome late: the job's record is requested then."""
        answered = asyncio.Event()
        request.add_done_callback(lambda _: answered.set())
        await sleep_unless_woken(self._clock, min(_PATIENCE_SECONDS, self._interval / 4), answered)
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
            log.warning("The list of the jobs of account %d lags; they are asked about one by one", account_id)
        self._signal_refreshed(key, listed)

    def _failed(self, account_id: int, listed: _JobList, error: PixVerseError) -> None:
        """The list is not requested for a while. Jobs that relied on it are due when they would have been without."""
        listed.failures += 1
        listed.backoff_until = self._clock.monotonic() + self._backoff_after(error, listed.failures)
        log.info("No list of the jobs of account %d, they are asked about one by one: %s", account_id, error)
        if isinstance(error, TokenRefused | SubscriptionUnpaid):
            self.refused(account_id)

    def _backoff_after(self, error: PixVerseError, failures: int) -> float:
        if isinstance(error, _REFUSALS):
            return self._interval * _REFUSED_INTERVALS
        asked = error.retry_after if isinstance(error, RateLimited | Unavailable) else None
        longest = self._interval * _LONGEST_BACKOFF_INTERVALS
        # After the time that was asked for, records come first: a list that is always refused must not hold them up.
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
        """Whether the job's record has said lately enough that the job runs, so that a list may be relied on."""
        longest = schedule.record_after(gap, has_card=job.has_card)
        return job.record_running_at is not None and now - job.record_running_at < longest


def _over(listed: _JobList) -> None:
    listed.request = None
