"""Requests jobs from the API, both for the poller and for commands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from model.job import Job
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import JobExpired, JobNotFound, PixVerseError, RateLimited, Unavailable
from pixverse.recent_lists import LookupTerms
from relay.changes import Changes
from relay.commands.refusals import TooFast
from relay.polling import schedule
from relay.polling.circuit_breaker import CircuitBreaker
from relay.polling.schedule import Timing
from relay.tasks import end_tasks
from storage.database import Transaction
from storage.errors import StorageError

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""How long a response is reused, unless the caller wants a fresher one."""

Request = Callable[[str, str, int | None, LookupTerms | None], Awaitable[LazyJob]]
"""Requests a job from the API. The arguments are a token, a job id, the fingerprint of a known response, and the terms
of a person's lookup (None for a scheduled request). Raises a subclass of PixVerseError, and what the terms raise."""

_Key = tuple[int, str]
"""An account's id and a job id."""


class Accounts(Protocol):
    """What callers need of the API accounts. The running bot uses `relay/accounts/account_registry.py`."""

    def own(self, guild_id: int) -> int | None:
        """The account of the token that a server has set, or None."""

    def in_force(self, guild_id: int) -> int | None:
        """The account that a server uses: its own, else the operator's, else None."""

    def token_of(self, account_id: int) -> str | None:
        """The account's token; None if it has none."""

    def state_of(self, account_id: int) -> AccountState:
        """`ok`, `refused`, `unpaid` or `missing`."""

    async def note_response(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        """Notes the API's response to a request about a job with this account's token."""

    def doubt(self, account_id: int) -> None:
        """Has the account's token tried at once."""

    async def tell_trouble(self, tx: Transaction, guild_id: int, now: int) -> None:
        """Adds a notice about trouble with the token that a server uses, unless the server was told of it before. The
        server waits for a job of the account."""


class NoTokenLeft(PixVerseError):
    """The account has no token, so nothing was requested."""


@dataclass(frozen=True, slots=True)
class JobResponse:
    """What the API said about a job."""

    at: int
    """Milliseconds UTC."""
    monotonic: float
    lazy: LazyJob | JobNotFound | JobExpired

    @property
    def content(self) -> Job | JobNotFound | JobExpired:
        """The parsed job, or why there is none."""
        return self.lazy.read() if isinstance(self.lazy, LazyJob) else self.lazy


@dataclass(slots=True)
class _Backoff:
    until: float
    refusals: int


class JobFetcher:
    """Requests jobs. Concurrent requests for the same job are merged, and a response is reused for five seconds.

    Also tracks whether the API as a whole is down, and which accounts back off.
    """

    def __init__(
        self,
        request: Request,
        accounts: Accounts,
        timing: Timing,
        changes: Changes,
        retry_at: Callable[[str], float | None],
    ) -> None:
        """`retry_at` returns until when (monotonic seconds) the API wants no request with a token, or None."""
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
        """Jobs requested by a poll. They are in `_in_flight` too once others wait for the same response."""
        self._responses: dict[_Key, JobResponse] = {}
        self._missing: dict[_Key, JobResponse] = {}
        """"Not found" responses, reused for people only. A job that has just been started may be found a moment later,
        and scheduled requests must see that."""

    @property
    def down_since(self) -> int | None:
        """Since when the API has been down, in milliseconds UTC; None while it responds, and if no polled job would
        show that it is back."""
        since = self.breaker.down_since
        return since if since is not None and self.breaker.polled_jobs() else None

    def backoff_until(self, account_id: int) -> float | None:
        """Until when (monotonic seconds) this account backs off; None if its token may be used now."""
        token, backoff = self._accounts.token_of(account_id), self._backoffs.get(account_id)
        until = None if token is None else self._retry_at(token)
        if backoff is None or backoff.until <= self._clock.monotonic():
            return until
        return backoff.until if until is None else max(until, backoff.until)

    def account_changed(self, account_id: int) -> None:
        """Forgets the account's backoff if it has lost its token."""
        if self._accounts.token_of(account_id) is None:
            self._backoffs.pop(account_id, None)

    def recent(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> JobResponse | None:
        """The response of the last `fresh` seconds, if there is one. Responses are kept for at most five seconds."""
        response = self._responses.get((account_id, jobid))
        if response is None or self._clock.monotonic() - response.monotonic >= min(fresh, FRESH_SECONDS):
            return None
        return response

    async def fetch(self, account_id: int, jobid: str, fresh: float = FRESH_SECONDS) -> JobResponse:
        """The API's response about a job, which may be up to `fresh` seconds old.

        Raises NoTokenLeft, and every PixVerseError except JobNotFound and JobExpired. If one caller is cancelled, the
        others still get the response.
        """
        recent = self.recent(account_id, jobid, fresh) or await self._of_others((account_id, jobid))
        if recent is not None:
            return recent
        return await self._begin((account_id, jobid), None)

    async def look_up(self, account_id: int, jobid: str, terms: LookupTerms) -> JobResponse:
        """The API's response for a person's lookup, whose `terms` say how requests are paid for and what may be reused.
        Unlike in other calls, a "not found" response is reused too.

        Raises what `fetch` raises, and TooFast if the person's allowance is used up.
        """
        key = (account_id, jobid)
        recent = self._known_to_people(key, terms.fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        terms.spend()
        return await self._begin(key, terms)

    def is_at_hand(self, account_id: int, jobid: str, fresh: float) -> bool:
        """Whether a person's lookup of the job would need no new request."""
        key = (account_id, jobid)
        return key in self._in_flight or key in self._polling or self._known_to_people(key, fresh) is not None

    async def poll(self, account_id: int, jobid: str, fresh: float, known: int | None) -> JobResponse:
        """The API's response for the poller, which already has a response with the fingerprint `known`.

        Raises what `fetch` raises. It creates no task, because that would cost half as much as the request itself.
        Other callers who want the same job meanwhile share this response.
        """
        key = (account_id, jobid)
        recent = self.recent(account_id, jobid, fresh) or await self._of_others(key)
        if recent is not None:
            return recent
        self._polling.add(key)
        # If the poller is cancelled, the other callers get an error, not a cancellation.
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
        await end_tasks(self._in_flight.values())

    async def _of_others(self, key: _Key) -> JobResponse | None:
        """The response to a request that another caller has made. Raises what that request raises. None if no such
        request is in flight, or if it was not made because the allowance of its caller was used up."""
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
            done.exception()  # Marks it as retrieved: perhaps nobody else waits, and the requester has it already.

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
            if isinstance(error, RateLimited):
                self._back_off(account_id, error.retry_after)
            try:
                await self._responded(account_id, error)
            except StorageError:
                # The refusal could not be stored, so nothing else keeps the account's jobs from using the token.
                self._back_off(account_id)
                raise
            raise
        else:
            if account_id in self._backoffs and self.backoff_until(account_id) is None:
                del self._backoffs[account_id]
            await self._responded(account_id, None, jobid)
        response = JobResponse(self._clock.now(), self._clock.monotonic(), lazy)
        self._remember((account_id, jobid), response)
        return response

    def _unanswered(self, jobid: str, asked_at: int, asked: float) -> None:
        if self.breaker.failed(jobid, asked_at, asked):
            log.warning("the PixVerse API does not answer; requesting only single jobs until it does")
            self._changes.api_changed()

    async def _responded(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        if self.breaker.responded():
            log.info("the PixVerse API answers again")
            self._changes.api_changed()
        await self._accounts.note_response(account_id, error, jobid)

    def _back_off(self, account_id: int, retry_after: float | None = None) -> None:
        """Makes the account back off. If the API named a time, `retry_at` returns that anyway, also for lists."""
        now = self._clock.monotonic()
        if retry_after is None:
            backoff = self._backoffs.setdefault(account_id, _Backoff(now, 0))
            if backoff.until <= now:  # Several requests in flight may be refused together; that counts once.
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
