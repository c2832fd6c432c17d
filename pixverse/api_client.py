"""The HTTP client for the PixVerse API: a request returns one bounded response or raises a class of `api_errors.py`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from model.job import Job
from pixverse.api_errors import (
    PixVerseError,
    RateLimited,
    TokenRefused,
    Unavailable,
    error_of,
    retry_after_of,
    safe_line,
)
from pixverse.fields import http_date, parsed_json
from pixverse.token_text import without_token

_OK = 200


def new_api_session() -> aiohttp.ClientSession:
    """A session for the API. It keeps no cookies and does not limit connections: callers limit themselves."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())


class Body:
    """The bytes of a response, with the token removed."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.fingerprint = hash(content)
        """A hash of the bytes: equal for equal bytes within this process."""

    @cached_property
    def value(self) -> object:
        """The JSON value in the body; None if there is none."""
        return parsed_json(self._content)


class LazyJob:
    """A response about a job.

    Most responses to a poll are byte for byte the response before. Comparing fingerprints shows that without parsing.
    """

    __slots__ = ("_job", "_read", "fingerprint")

    def __init__(self, fingerprint: int, read: Callable[[], Job]) -> None:
        self.fingerprint = fingerprint
        """A hash of the response's bytes: equal for equal bytes within this process."""
        self._read = read
        self._job: Job | None = None

    @classmethod
    def of(cls, job: Job) -> LazyJob:
        """A response that has been parsed already."""
        return cls(hash(job), lambda: job)

    def read(self) -> Job:
        """Returns the job, parsing the response the first time. Raises what the parsing raises."""
        if self._job is None:
            self._job = self._read()
        return self._job


class RetryTimes:
    """Keeps, for each token, the latest retry time that any response named. Times are monotonic seconds.

    A retry time applies to every request with the token: a refused list delays records too.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[int, float] = {}
        """By the token's hash, so that a removed token does not stay in memory."""

    def note(self, token: str, seconds: float) -> None:
        """Notes that a response to this token asked to wait."""
        now = self._monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[hash(token)] = max(now + seconds, self._until.get(hash(token), now))

    def until(self, token: str) -> float | None:
        """Until when nothing should be requested with this token; None if it may be now."""
        until = self._until.get(hash(token))
        return until if until is not None and until > self._monotonic() else None


class ApiClient:
    """Makes requests to the API. One client serves every token at once."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        timeout: float = 15.0,
        max_bytes: int = 1024 * 1024,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        observe: Callable[[PixVerseError | None, float], None] = lambda _error, _seconds: None,
    ) -> None:
        """`timeout` is in seconds for a whole response, `max_bytes` bounds its body. `now` returns seconds since 1970
        UTC, `monotonic` seconds from an arbitrary start. `observe` is called after each request with its error, if
        any, and its duration in seconds."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._now = now
        self.monotonic = monotonic
        self.retry_times = RetryTimes(monotonic)
        self._observe = observe

    async def get_json(self, path_and_query: str, token: str, *, timeout: float | None = None) -> object:
        """Makes one GET request and returns the JSON value of its response; see `get`."""
        return (await self.get(path_and_query, token, timeout=timeout)).value

    async def get(
        self, path_and_query: str, token: str, *, known: int | None = None, timeout: float | None = None
    ) -> Body:
        """Makes one GET request and returns the body; `path_and_query` starts with `/` and is already encoded.

        A response whose fingerprint is `known` is not parsed again, because it was valid before.

        The token goes only into the Authorization header, no redirect is followed, and nothing is retried. Raises what
        `api_errors.error_of` returns, and Unavailable for transport errors: no connection, no whole response within
        `timeout` seconds, too many bytes, half a body, no JSON.
        """
        if not (token.isascii() and token.isprintable()):
            raise TokenRefused("the token holds characters that no token has")
        started = self.monotonic()
        try:
            body = await self._request(path_and_query, token, known, timeout)
        except PixVerseError as error:
            if isinstance(error, RateLimited | Unavailable) and error.retry_after is not None:
                self.retry_times.note(token, error.retry_after)
            self._observe(error, self.monotonic() - started)
            raise
        self._observe(None, self.monotonic() - started)
        return body

    async def _request(self, path_and_query: str, token: str, known: int | None, timeout: float | None) -> Body:
        limit = self._timeout if timeout is None else aiohttp.ClientTimeout(total=timeout)
        try:
            status, headers, content = await self._fetch(path_and_query, token, limit)
        except TimeoutError:
            raise Unavailable("no whole answer in time") from None
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as failure:
            # Some of these texts contain the server's bytes, which could repeat what was sent.
            reason = safe_line(f"{type(failure).__name__}: {failure}".replace(token, "***"))
            raise Unavailable(reason) from None
        # The body is stored, shown and logged, so a token that the API repeats must not stay in it.
        body = Body(without_token(content, token))
        if status == _OK and body.fingerprint == known:
            return body
        # A time until which to wait is compared with the API's own clock, because this machine's may be wrong.
        now = http_date(headers.get("Date"))
        retry_after = retry_after_of(headers.get("Retry-After"), body.value, self._now() if now is None else now)
        error = error_of(status, body.value, retry_after)
        if error is not None:
            raise error
        return body

    async def _fetch(
        self, path_and_query: str, token: str, limit: aiohttp.ClientTimeout
    ) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        url = URL(self._base_url + path_and_query, encoded=True)
        async with self._session.get(
            url, headers=headers, timeout=limit, allow_redirects=False, raise_for_status=False
        ) as response:
            body = await response.content.readany()
            while not response.content.at_eof():
                body += await response.content.readany()
                if len(body) > self._max_bytes:
                    break
            if len(body) > self._max_bytes:
                raise Unavailable(f"{response.status} with more than {self._max_bytes} bytes")
            return response.status, response.headers, body
