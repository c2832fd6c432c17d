"""One question for many: the API's list of an account's jobs in work, in place of a question about each of them.

Truth stays with a job's record. The list only says that there is nothing to ask yet: a job that it does not name, or no
longer names, is asked about itself, and each one now and then whatever the list says. A list that fails, or that still
names a job whose record told the end before, is left alone for a while; jobs are then asked about one by one.
"""

from __future__ import annotations

import asyncio
import logging
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
from relay.polling import schedule
from relay.polling.job_queue import Watched
from relay.ports import Clock

log = logging.getLogger(__name__)

FEWEST_JOBS = 3
"""For fewer of one account a list would save nothing."""
_LAGGING_INTERVALS = 30
_REFUSED_INTERVALS = 30
_LONGEST_DOUBLING = 4
_PATIENCE_SECONDS = 1.0
_REFUSALS = (TokenRefused, SubscriptionUnpaid, AccountBroken, BadRequest, NoList)

KindOf = Callable[[str], str]
"""The list in which the job with this id would stand."""
ListActiveJobs = Callable[[str, str], Awaitable[Collection[str]]]
"""Asks the API, with a token, for the list of a kind: the ids of jobs in work. Raises a class of PixVerseError."""
TokenOf = Callable[[int], str | None]
_Key = tuple[int, str]


@dataclass(frozen=True, slots=True)
class ListRefreshed:
    """A new list, and what it says of the jobs that relied on the one before."""

    account_id: int
    kind: str
    at: float
    """When it was asked for."""
    jobs: frozenset[str]
    """The ids that it names."""
    left: tuple[Watched, ...]
    """It does not name them any more: they are to be asked about at once."""
    named: tuple[Watched, ...]
    """It names them, and that is enough for now."""


@dataclass(slots=True)
class _JobList:
    """One account's list."""

    at: float = float("-inf")
    """When it was asked for, monotonic seconds."""
    jobs: frozenset[str] = frozenset()
    relying: dict[str, tuple[Watched, float]] = field(default_factory=dict)
    """Jobs that were not asked about because the list names them, each with the pause between two questions."""
    ended: dict[str, float] = field(default_factory=dict)
    """Jobs that the list named when their record told the end, and when it did."""
    failures: int = 0
    backoff_until: float = float("-inf")
    """It is not asked for until then, since it failed."""
    doubted_until: float = float("-inf")
    """Jobs are asked about one by one until then, since it lagged."""
    question: asyncio.Task[None] | None = None
    """It is being asked for."""

    def is_of_no_use(self, now: float) -> bool:
        return now < max(self.backoff_until, self.doubted_until)


class JobLists:
    """Whether a job that is due can do without a question about itself. Times are monotonic seconds."""

    def __init__(
        self, fetch: ListActiveJobs, kind_of: KindOf, token_of: TokenOf, clock: Clock, *, interval: float
    ) -> None:
        self._fetch = fetch
        self._kind_of = kind_of
        self._token_of = token_of
        self._clock = clock
        self._interval = interval
        self._rolls: dict[_Key, _JobList] = {}
        self._kept: frozenset[int] = frozenset()
        self.refreshed = Signal[[ListRefreshed]]()
        """There is a new list: one serves all who would else ask for it soon."""
        self.refused = Signal[[int]]()
        """A list of this account was refused by 401 or 402."""

    def keep_up(self, account_ids: Collection[int]) -> None:
        """The lists of these accounts are asked for at each interval, by `refresh`, whatever jobs are polled."""
        self._kept = frozenset(account_ids)

    def worth_it(self, account_id: int, jobs: int) -> bool:
        """Whether a list saves questions where so many of the account's jobs are polled."""
        return jobs >= FEWEST_JOBS or account_id in self._kept

    async def refresh(self, account_id: int, kind: str) -> float:
        """Asks for a list that is an interval old, unless it rests; returns when it is to be asked for next."""
        listed = self._rolls.setdefault((account_id, kind), _JobList())
        question = self._question((account_id, kind), listed, self._interval)
        if question is not None:
            await asyncio.shield(question)
        return max(listed.at + self._interval, listed.backoff_until)

    def latest(self, account_id: int, kind: str) -> frozenset[str]:
        """The ids that a list of the last interval named; none where there is no such list."""
        listed = self._rolls.get((account_id, kind))
        young = listed is not None and self._clock.monotonic() - listed.at < self._interval
        return listed.jobs if listed is not None and young else frozenset()

    async def names(self, job: Watched, gap: float) -> float | None:
        """When the list was asked for that names the job and is young enough to be enough; else the job is to be asked
        about itself. `gap` is the pause between two questions about it."""
        kind = self._kind_of(job.jobid)
        now = self._clock.monotonic()
        if not self._record_is_young(job, gap, now):
            return None
        listed = self._rolls.setdefault((job.account_id, kind), _JobList())
        if listed.is_of_no_use(now):
            return None
        age = schedule.shortest(self._interval, gap)
        question = self._question((job.account_id, kind), listed, age)
        if question is not None:
            await self._wait_a_little(question)
        now = self._clock.monotonic()
        if listed.is_of_no_use(now) or now - listed.at >= age or job.jobid not in listed.jobs:
            return None
        listed.relying[job.jobid] = (job, gap)
        return listed.at

    def record_told_the_end(self, job: Watched) -> None:
        """The job's record told its end: from now on no list may name it."""
        listed = self._rolls.get((job.account_id, self._kind_of(job.jobid)))
        if listed is None:
            return
        listed.relying.pop(job.jobid, None)
        if job.jobid in listed.jobs:
            listed.ended[job.jobid] = self._clock.monotonic()

    def _question(self, key: _Key, listed: _JobList, age: float) -> asyncio.Task[None] | None:
        """Has a list asked for that is so many seconds old, once, however many wait for it; None where it is younger,
        or rests."""
        now = self._clock.monotonic()
        if now - listed.at < age or now < listed.backoff_until:
            return None
        if listed.question is None:
            listed.question = asyncio.create_task(self._ask(key, listed))
            listed.question.add_done_callback(lambda _: _over(listed))
        return listed.question

    async def _wait_a_little(self, question: asyncio.Task[None]) -> None:
        """A list that is slow must make no outcome late: the job is then asked about itself."""
        answered = asyncio.Event()
        question.add_done_callback(lambda _: answered.set())
        await sleep_unless_woken(self._clock, min(_PATIENCE_SECONDS, self._interval / 4), answered)
        if question.done():
            question.result()

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
        self._tell(key, listed)

    def _failed(self, account_id: int, listed: _JobList, error: PixVerseError) -> None:
        """Whoever relied on the list is due when it would have been without one."""
        listed.failures += 1
        listed.backoff_until = self._clock.monotonic() + self._rest_after(error, listed.failures)
        listed.jobs = frozenset()
        listed.relying.clear()
        log.info("No list of the jobs of account %d, they are asked about one by one: %s", account_id, error)
        if isinstance(error, TokenRefused | SubscriptionUnpaid):
            self.refused(account_id)

    def _rest_after(self, error: PixVerseError, failures: int) -> float:
        if isinstance(error, _REFUSALS):
            return self._interval * _REFUSED_INTERVALS
        asked = error.retry_after if isinstance(error, RateLimited | Unavailable) else None
        return max(asked or 0.0, self._interval * 2.0 ** min(failures, _LONGEST_DOUBLING))

    def _lags(self, listed: _JobList) -> bool:
        """Whether it names a job that had ended before it was asked for."""
        lags = any(told_at < listed.at and jobid in listed.jobs for jobid, told_at in listed.ended.items())
        listed.ended = {jobid: told_at for jobid, told_at in listed.ended.items() if told_at >= listed.at}
        return lags

    def _tell(self, key: _Key, listed: _JobList) -> None:
        now = self._clock.monotonic()
        left = [job for jobid, (job, _) in listed.relying.items() if jobid not in listed.jobs]
        listed.relying = {jobid: relying for jobid, relying in listed.relying.items() if jobid in listed.jobs}
        named = [job for job, gap in listed.relying.values() if self._record_is_young(job, gap, now)]
        refreshed = ListRefreshed(*key, listed.at, listed.jobs, tuple(left), tuple(named))
        self.refreshed(refreshed)

    def _record_is_young(self, job: Watched, gap: float, now: float) -> bool:
        return job.seen_at is not None and now - job.seen_at < schedule.record_after(gap, has_card=job.has_card)


def _over(listed: _JobList) -> None:
    listed.question = None
