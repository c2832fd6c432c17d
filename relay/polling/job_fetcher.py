"""The one place from which the API is asked about a job, for the poller and for commands alike."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Protocol

from model.job import Job
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import (
    AccountBroken,
    JobExpired,
    JobNotFound,
    PixVerseError,
    RateLimited,
    Unavailable,
)
from pixverse.recent_lists import LookupTerms
from relay.changes import Changes
from relay.commands.refusals import TooFast
from relay.polling import schedule
from relay.polling.circuit_breaker import CircuitBreaker
from relay.ports import Clock

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""For how long an answer is used again, unless the one who asks wants a fresher one."""

_SILENT_INTERVALS = 1.5
"""Within an interval and its jitter each young job is asked about: if one of them is told, the API is not down."""

Fetch = Callable[[str, str, int | None, LookupTerms | None], Awaitable[LazyJob]]
"""Asks the API, with a token, about a job id; the third is the fingerprint of an answer that is known already, the
fourth the terms on which a person asks, None for what is scheduled. Raises a class of PixVerseError, and what the terms
raise."""


class Accounts(Protocol):
    """The API accounts, as those who ask need them."""

    def in_force(self, guild_id: int) -> int | None:
        """The account that a server uses: its own, else the operator's, else None."""

    def token_of(self, account_id: int) -> str | None:
        """The account's token, or None where there is none (any more)."""

    def state_of(self, account_id: int) -> AccountState:
        """`ok`, `refused`, `unpaid` or `missing`."""

    async def answered(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        """The API answered a question about a job with this account's token."""


class NoTokenLeft(PixVerseError):
    """The account has no token (any more), so nothing was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said of a job: the job, or that there is none."""

    at: int
    """Milliseconds UTC."""
    monotonic: float
    told: LazyJob | JobNotFound | JobExpired

    @property
    def said(self) -> Job | JobNotFound | JobExpired:
        """The same, read."""
        return self.told.read() if isinstance(self.told, LazyJob) else self.told


@dataclass(slots=True)
class _Rest:
    until: float
    refusals: int


class JobFetcher:
    """Asks once where several want to know at the same time, and not again within five seconds.

    Keeps what follows for all: whether the API as a whole is down, and which accounts are to be left alone for a while.
    """

    def __init__(
        self,
        fetch: Fetch,
        accounts: Accounts,
        *,
        changes: Changes,
        clock: Clock,
        interval: float,
        random: Random,
    ) -> None:
        self._fetch = fetch
        self._accounts = accounts
        self._changes = changes
        self._clock = clock
        self._interval = interval
        self._random = random
        self._breaker = CircuitBreaker(_SILENT_INTERVALS * interval)
        self._rests: dict[int, _Rest] = {}
        self._asking: dict[tuple[int, str], asyncio.Future[Answer]] = {}
        self._polling: set[tuple[int, str]] = set()
        """Asked by somebody who waits to the end; in `_asking` too once others wait for the same answer."""
        self._answers: dict[tuple[int, str], Answer] = {}
        self._missing: dict[tuple[int, str], Answer] = {}
        """Answers that a job is not found, for people alone: one that has just been started may be known a moment
        later, and what is scheduled must see that."""
        self._jobs = 0

    def watching(self, jobs: int) -> None:
        """How many jobs are asked about at present; by that the breaker judges."""
        self._jobs = jobs

    @property
    def down_since(self) -> int | None:
        """Since when the API has not answered, milliseconds UTC."""
        return self._breaker.down_since

    def backoff_until(self, account_id: int) -> float | None:
        """Until when (monotonic) this account's jobs are not to be asked about; None where they may be."""
        rest = self._rests.get(account_id)
        return rest.until if rest is not None and rest.until > self._clock.monotonic() else None

    def recent(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> Answer | None:
        """The answer of the last `fresh` seconds, if there is one; none is kept for longer than five."""
        answer = self._answers.get((account_id, jobid))
        if answer is None or self._clock.monotonic() - answer.monotonic >= min(fresh, FRESH_SECONDS):
            return None
        return answer

    async def ask(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> Answer:
        """The API's answer, perhaps one of the last `fresh` seconds.

        Raises the PixVerseErrors that are no word about the job, and NoTokenLeft. A caller that gives up waiting does
        not take the answer away from the others.
        """
        recent = self.recent(account_id, jobid, fresh) or await self._of_others((account_id, jobid))
        if recent is not None:
            return recent
        return await self._begin((account_id, jobid), None)

    async def look_up(self, account_id: int, jobid: str, terms: LookupTerms) -> Answer:
        """Does the same for a person, on whose terms requests are made. That a job is not found is remembered too.

        Raises TooFast as well, where a request may not be made.
        """
        key = (account_id, jobid)
        recent = self._known_to_people(key, terms.fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        terms.spend()
        return await self._begin(key, terms)

    def is_at_hand(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> bool:
        """Whether a person who looks the job up causes no request, because somebody has asked or is asking."""
        key = (account_id, jobid)
        return key in self._asking or key in self._polling or self._known_to_people(key, fresh) is not None

    async def poll(self, account_id: int, jobid: str, fresh: float, known: int | None) -> Answer:
        """The same for one who waits to the end, and knows an answer with the fingerprint `known`.

        No task is made for it, which would cost as much as half the question. Who asks the same meanwhile has the
        answer too.
        """
        key = (account_id, jobid)
        recent = self.recent(account_id, jobid, fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        self._polling.add(key)
        try:
            answer = await self._ask(account_id, jobid, known, None)
        except BaseException as error:
            self._polling.discard(key)
            # Of one who is cancelled, the others must not be.
            told = error if isinstance(error, Exception) else Unavailable("the question was broken off")
            listened = self._asking.get(key)
            if listened is not None and not listened.done():
                listened.set_exception(told)
            raise
        self._polling.discard(key)
        listened = self._asking.get(key)
        if listened is not None and not listened.done():
            listened.set_result(answer)
        return answer

    async def close(self) -> None:
        """Ends every question that is under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _of_others(self, key: tuple[int, str]) -> Answer | None:
        """The answer to a question about the job that is under way, and raises what it raises; None without one, or
        where somebody had to give it up whose allowance was used up."""
        while (under_way := self._under_way(key)) is not None:
            with suppress(TooFast):
                return await asyncio.shield(under_way)
        return None

    def _under_way(self, key: tuple[int, str]) -> asyncio.Future[Answer] | None:
        if key not in self._asking and key in self._polling:
            self._listened(key, asyncio.get_running_loop().create_future())
        under_way = self._asking.get(key)
        return None if under_way is None or under_way.done() else under_way

    async def _begin(self, key: tuple[int, str], terms: LookupTerms | None) -> Answer:
        return await asyncio.shield(self._listened(key, asyncio.create_task(self._ask(*key, None, terms))))

    def _known_to_people(self, key: tuple[int, str], fresh: float) -> Answer | None:
        missing = self._missing.get(key)
        if missing is not None and self._clock.monotonic() - missing.monotonic < fresh:
            return missing
        return self.recent(*key, fresh)

    def _listened(self, key: tuple[int, str], under_way: asyncio.Future[Answer]) -> asyncio.Future[Answer]:
        self._asking[key] = under_way
        under_way.add_done_callback(lambda done: self._done(key, done))
        return under_way

    def _done(self, key: tuple[int, str], done: asyncio.Future[Answer]) -> None:
        if self._asking.get(key) is done:
            del self._asking[key]
        if not done.cancelled():
            done.exception()  # Nobody may be left to take it; whoever asked has got it.

    async def _ask(self, account_id: int, jobid: str, known: int | None, terms: LookupTerms | None) -> Answer:
        token = self._accounts.token_of(account_id)
        if token is None:
            raise NoTokenLeft("no token")
        asked_at, asked = self._clock.now(), self._clock.monotonic()
        try:
            told: LazyJob | JobNotFound | JobExpired = await self._fetch(token, jobid, known, terms)
        except (JobNotFound, JobExpired) as error:
            await self._heard(account_id, error)
            told = error.with_traceback(None)
        except Unavailable as error:
            self._unanswered(jobid, asked_at, asked)
            if error.retry_after is not None:
                self._rest(account_id, error.retry_after)
            raise
        except PixVerseError as error:
            if isinstance(error, (RateLimited, AccountBroken)):
                self._rest(account_id, error.retry_after if isinstance(error, RateLimited) else None)
            await self._heard(account_id, error)
            raise
        else:
            if self.backoff_until(account_id) is None:
                self._rests.pop(account_id, None)
            await self._heard(account_id, None, jobid)
        answer = Answer(self._clock.now(), self._clock.monotonic(), told)
        self._remember((account_id, jobid), answer)
        return answer

    def _unanswered(self, jobid: str, asked_at: int, asked: float) -> None:
        if self._breaker.failed(jobid, asked_at, asked, self._jobs):
            log.warning("The PixVerse API does not answer; asking about single jobs until it does")
            self._changes.api_changed()

    async def _heard(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        if self._breaker.answered(self._clock.monotonic()):
            log.info("The PixVerse API answers again")
            self._changes.api_changed()
        await self._accounts.answered(account_id, error, jobid)

    def _rest(self, account_id: int, retry_after: float | None) -> None:
        now = self._clock.monotonic()
        rest = self._rests.setdefault(account_id, _Rest(now, 0))
        if rest.until <= now:  # Several questions may have been under way; together they are refused once.
            rest.refusals += 1
        until = schedule.account_rest(now, self._interval, rest.refusals, retry_after, self._random)
        rest.until = max(rest.until, until)
        log.info("Account %d rests for %.0f s", account_id, rest.until - now)

    def _remember(self, key: tuple[int, str], answer: Answer) -> None:
        self._answers.pop(key, None)
        self._missing.pop(key, None)
        (self._missing if isinstance(answer.told, JobNotFound) else self._answers)[key] = answer
        too_old = self._clock.monotonic() - FRESH_SECONDS
        for kept in (self._answers, self._missing):
            self._forget_until(kept, too_old)

    @staticmethod
    def _forget_until(kept: dict[tuple[int, str], Answer], too_old: float) -> None:
        """The oldest answer stands first."""
        while kept:
            key = next(iter(kept))
            if kept[key].monotonic > too_old:
                return
            del kept[key]
