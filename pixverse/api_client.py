"""Transport to the PixVerse API: one question, one bounded answer, or one class of `errors.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from pixverse.errors import PixVerseError, TokenRefused, Unavailable
from pixverse.fields import parsed_json
from pixverse.response_errors import error_of, retry_after_of, safe_line

_OK = 200


def new_api_session() -> aiohttp.ClientSession:
    """A session for the API. It keeps no cookies, and bounds no connections: whoever asks bounds how much at once."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar())


class Body:
    """The bytes of an answer, without the token."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.fingerprint = hash(content)
        """The same for the same bytes as long as this process lives."""

    @cached_property
    def value(self) -> object:
        """The JSON value in it, or None where there is none."""
        return parsed_json(self._content)


class ApiClient:
    """Asks the API. Holds no state but its settings, so one serves every token at once."""

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
        """`timeout` in seconds for a whole answer, `max_bytes` of its body; `now` is in seconds since 1970 UTC and
        `monotonic` in seconds from anywhere; `observe` is told what became of each question and after how many seconds.
        """
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._max_bytes = max_bytes
        self._now = now
        self.monotonic = monotonic
        self._observe = observe

    async def get_json(self, path_and_query: str, token: str, *, timeout: float | None = None) -> object:
        """The JSON value that the API answers to one GET, read; `get` says all else."""
        answer = await self.get(path_and_query, token, timeout=timeout)
        return answer.value

    async def get(
        self, path_and_query: str, token: str, *, known: int | None = None, timeout: float | None = None
    ) -> Body:
        """What the API answers to one GET; `path_and_query` starts with `/` and is already encoded.

        A good answer whose fingerprint is `known` is not read again: it was a good one before.

        The token goes into the Authorization header and nowhere else, no redirect is followed, nothing is tried
        twice. Raises any class of `errors.py`, as `refusals.error_of` decides; Unavailable for every trouble on the
        way: no connection, no whole answer within `timeout` seconds, too many bytes, half a body, no JSON.
        """
        if not (token.isascii() and token.isprintable()):
            raise TokenRefused("the token holds characters that no token has")
        begun = self.monotonic()
        try:
            answer = await self._ask(path_and_query, token, known, timeout)
        except PixVerseError as error:
            self._observe(error, self.monotonic() - begun)
            raise
        self._observe(None, self.monotonic() - begun)
        return answer

    async def _ask(self, path_and_query: str, token: str, known: int | None, timeout: float | None) -> Body:
        limit = self._timeout if timeout is None else aiohttp.ClientTimeout(total=timeout)
        try:
            status, retry_after, body = await self._fetch(path_and_query, token, limit)
        except TimeoutError:
            raise Unavailable("no whole answer in time") from None
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            # The server's bytes stand in some of these texts, and could repeat what it was sent.
            reason = safe_line(f"{type(error).__name__}: {error}".replace(token, "***"))
            raise Unavailable(reason) from None
        # What is read here is kept, shown and logged: an API that repeats what it was sent must not get it so far.
        answer = Body(body.replace(token.encode(), b"***"))
        if status == _OK and answer.fingerprint == known:
            return answer
        refusal = error_of(status, answer.value, retry_after_of(retry_after, answer.value, self._now()))
        if refusal is not None:
            raise refusal
        return answer

    async def _fetch(
        self, path_and_query: str, token: str, limit: aiohttp.ClientTimeout
    ) -> tuple[int, str | None, bytes]:
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
            return response.status, response.headers.get("Retry-After"), body
