"""The one place from which the API is asked about a job, for the poller and for commands alike."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from model.job import Job
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import AccountBroken, JobExpired, JobNotFound, PixVerseError, RateLimited, Unavailable
from pixverse.recent_lists import LookupTerms
from relay.changes import Changes
from relay.commands.refusals import TooFast
from relay.polling import schedule
from relay.polling.circuit_breaker import CircuitBreaker
from relay.polling.schedule import Timing

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""For how long a response is used again, unless the caller wants a fresher one."""

Request = Callable[[str, str, int | None, LookupTerms | None], Awaitable[LazyJob]]
"""Requests a job from the API. The arguments are a token, a job id, the fingerprint of a response that is known
already, and the terms on which a person asks, None for what is scheduled. Raises a class of PixVerseError, and what
the terms raise."""

_Key = tuple[int, str]
"""An account's id and a job id."""


class Accounts(Protocol):
    """The API accounts, as those who ask need them: `relay/accounts/account_registry.py` in the running bot."""

    def own(self, guild_id: int) -> int | None:
        """The account that a server has set for itself."""

    def in_force(self, guild_id: int) -> int | None:
        """The account that a server uses: its own, else the operator's, else None."""

    def token_of(self, account_id: int) -> str | None:
        """The account's token, or None where there is none (any more)."""

    def state_of(self, account_id: int) -> AccountState:
        """`ok`, `refused`, `unpaid` or `missing`."""

    async def note_response(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        """The API answered a question about a job with this account's token."""

    def doubt(self, account_id: int) -> None:
        """Has the account's token tried at once."""


class NoTokenLeft(PixVerseError):
    """The account has no token (any more), so nothing was requested."""


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What the API said about a job."""

    at: int
    """Milliseconds UTC."""
    monotonic: float
    lazy: LazyJob | JobNotFound | JobExpired

    @property
    def content(self) -> Job | JobNotFound | JobExpired:
        """The job, or that there is none."""
        return self.lazy.read() if isinstance(self.lazy, LazyJob) else self.lazy


@dataclass(slots=True)
class _Backoff:
    until: float
    refusals: int


class JobFetcher:
    """Requests a job once where several callers want it at the same time, and not again within five seconds.

    Decides whether the API as a whole is down, and which accounts are to be left alone for a while.
    """

    def __init__(
        self,
        request: Request,
        accounts: Accounts,
        timing: Timing,
        changes: Changes,
        retry_at: Callable[[str], float | None],
    ) -> None:
        """`retry_at` tells until when (monotonic seconds) the API wants no request with a token."""
        self.breaker = CircuitBreaker(timing)
        self._request = request
        self._accounts = accounts
        self._changes = changes
        self._retry_at = retry_at
        self._clock = timing.clock
        self._timing = timing
        self._backoffs: dict[int, _Backoff] = {}
        self._in_flight: dict[_Key, asyncio.Future[JobResponse]] = {}
        self._polling: set[_Key] = set()
        """Requested by a poll; in `_in_flight` too once others wait for the same response."""
        self._responses: dict[_Key, JobResponse] = {}
        self._missing: dict[_Key, JobResponse] = {}
        """Responses that a job is not found, for people alone: a job that has just been started may be known a moment
        later, and what is scheduled must see that."""

    @property
    def down_since(self) -> int | None:
        """Since when the API has not responded, milliseconds UTC; None while it does."""
        return self.breaker.down_since

    def backoff_until(self, account_id: int) -> float | None:
        """Until when (monotonic seconds) nothing may be requested with this account's token; None if it may be now."""
        backoff, token = self._backoffs.get(account_id), self._accounts.token_of(account_id)
        retry_at = None if token is None else self._retry_at(token)
        until = max(backoff.until if backoff is not None else -math.inf, -math.inf if retry_at is None else retry_at)
        return until if until > self._clock.monotonic() else None

    def account_changed(self, account_id: int) -> None:
        """The account may have lost its token: nothing is requested with it any more."""
        if self._accounts.token_of(account_id) is None:
            self._backoffs.pop(account_id, None)

    def recent(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> JobResponse | None:
        """The response of the last `fresh` seconds, if there is one; none is kept for longer than five seconds."""
        response = self._responses.get((account_id, jobid))
        if response is None or self._clock.monotonic() - response.monotonic >= min(fresh, FRESH_SECONDS):
            return None
        return response

    async def fetch(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> JobResponse:
        """The API's response, perhaps one of the last `fresh` seconds.

        Raises NoTokenLeft, and every PixVerseError but JobNotFound and JobExpired. A caller that is cancelled does not
        take the response away from the others.
        """
        recent = self.recent(account_id, jobid, fresh) or await self._of_others((account_id, jobid))
        if recent is not None:
            return recent
        return await self._begin((account_id, jobid), None)

    async def look_up(self, account_id: int, jobid: str, terms: LookupTerms) -> JobResponse:
        """The API's response for a person, on whose terms requests are made. "Not found" is used again too.

        Raises what `fetch` raises, and TooFast where a request may not be made.
        """
        key = (account_id, jobid)
        recent = self._known_to_people(key, terms.fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        terms.spend()
        return await self._begin(key, terms)

    def is_at_hand(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> bool:
        """Whether a person who looks the job up causes no request, because it was made already."""
        key = (account_id, jobid)
        return key in self._in_flight or key in self._polling or self._known_to_people(key, fresh) is not None

    async def poll(self, account_id: int, jobid: str, fresh: float, known: int | None) -> JobResponse:
        """The API's response for the poller, which knows a response with the fingerprint `known`.

        Raises what `fetch` raises. It makes no task, which would cost as much as half the request; whoever wants the
        same job meanwhile gets this response too.
        """
        key = (account_id, jobid)
        recent = self.recent(account_id, jobid, fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        self._polling.add(key)
        # Others who wait are not cancelled with the poller.
        result: JobResponse | Exception = Unavailable("the request was broken off")
        try:
            result = await self._fetch(account_id, jobid, known, None)
        except Exception as error:
            result = error
            raise
        finally:
            self._polling.discard(key)
            waiting = self._in_flight.get(key)
            if waiting is not None and not waiting.done():
                if isinstance(result, JobResponse):
                    waiting.set_result(result)
                else:
                    waiting.set_exception(result)
        return result

    async def close(self) -> None:
        """Cancels every request that is in flight."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _of_others(self, key: _Key) -> JobResponse | None:
        """The response to a request that is in flight already; raises what that request raises. None without one, or if
        the allowance of whoever made it was used up."""
        while True:
            if key in self._polling and key not in self._in_flight:
                self._share(key, asyncio.get_running_loop().create_future())
            in_flight = self._in_flight.get(key)
            if in_flight is None or in_flight.done():
                return None
            with suppress(TooFast):
                return await asyncio.shield(in_flight)

    async def _begin(self, key: _Key, terms: LookupTerms | None) -> JobResponse:
        return await asyncio.shield(self._share(key, asyncio.create_task(self._fetch(*key, None, terms))))

    def _known_to_people(self, key: _Key, fresh: float) -> JobResponse | None:
        missing = self._missing.get(key)
        if missing is not None and self._clock.monotonic() - missing.monotonic < fresh:
            return missing
        return self.recent(*key, fresh)

    def _share(self, key: _Key, in_flight: asyncio.Future[JobResponse]) -> asyncio.Future[JobResponse]:
        self._in_flight[key] = in_flight
        in_flight.add_done_callback(lambda done: self._done(key, done))
        return in_flight

    def _done(self, key: _Key, done: asyncio.Future[JobResponse]) -> None:
        if self._in_flight.get(key) is done:
            del self._in_flight[key]
        if not done.cancelled():
            done.exception()  # Nobody may be left to take it; whoever made the request has got it.

    async def _fetch(self, account_id: int, jobid: str, known: int | None, terms: LookupTerms | None) -> JobResponse:
        token = self._accounts.token_of(account_id)
        if token is None:
            raise NoTokenLeft("no token")
        asked_at, asked = self._clock.now(), self._clock.monotonic()
        try:
            lazy: LazyJob | JobNotFound | JobExpired = await self._request(token, jobid, known, terms)
        except (JobNotFound, JobExpired) as error:
            await self._responded(account_id, error)
            lazy = error.with_traceback(None)
        except Unavailable:
            self._unanswered(jobid, asked_at, asked)
            raise
        except PixVerseError as error:
            if isinstance(error, RateLimited | AccountBroken):
                self._back_off(account_id, error)
            await self._responded(account_id, error)
            raise
        else:
            if self.backoff_until(account_id) is None:
                self._backoffs.pop(account_id, None)
            await self._responded(account_id, None, jobid)
        response = JobResponse(self._clock.now(), self._clock.monotonic(), lazy)
        self._remember((account_id, jobid), response)
        return response

    def _unanswered(self, jobid: str, asked_at: int, asked: float) -> None:
        if self.breaker.failed(jobid, asked_at, asked):
            log.warning("The PixVerse API does not answer; asking about single jobs until it does")
            self._changes.api_changed()

    async def _responded(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        if self.breaker.responded():
            log.info("The PixVerse API answers again")
            self._changes.api_changed()
        await self._accounts.note_response(account_id, error, jobid)

    def _back_off(self, account_id: int, error: RateLimited | AccountBroken) -> None:
        """Leaves the account alone for a while. If the API named a time, `retry_at` tells it already, to lists too."""
        now = self._clock.monotonic()
        if isinstance(error, AccountBroken) or error.retry_after is None:
            backoff = self._backoffs.setdefault(account_id, _Backoff(now, 0))
            if backoff.until <= now:  # Several requests may have been in flight; together they are refused once.
                backoff.refusals += 1
            until = schedule.after_failure(now, self._timing.interval, backoff.refusals, self._timing.random)
            backoff.until = max(backoff.until, until)
        log.info("account %d backs off for %.0f s", account_id, (self.backoff_until(account_id) or now) - now)

    def _remember(self, key: _Key, response: JobResponse) -> None:
        self._responses.pop(key, None)
        self._missing.pop(key, None)
        (self._missing if isinstance(response.lazy, JobNotFound) else self._responses)[key] = response
        too_old = self._clock.monotonic() - FRESH_SECONDS
        for kept in (self._responses, self._missing):
            while kept and kept[oldest := next(iter(kept))].monotonic <= too_old:
                del kept[oldest]
