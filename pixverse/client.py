"""Transport to the PixVerse API: one question, one bounded answer, or one class of `errors.py`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from pixverse.errors import PixVerseError, TokenRefused, Unavailable
from pixverse.json_text import parsed_json
from pixverse.refusals import refusal_of, retry_after_of, safe_line

_CHUNK = 64 * 1024


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
        observe: Callable[[PixVerseError | None, float], None] = lambda _error, _seconds: None,
    ) -> None:
        """`timeout` in seconds for a whole answer, `max_bytes` of its body, `now` in seconds since 1970 UTC; `observe`
        is told what became of each question and after how many seconds."""
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._now = now
        self._observe = observe

    async def get_json(self, path_and_query: str, token: str, *, timeout: float | None = None) -> object:
        """The JSON value that the API answers to one GET; `path_and_query` starts with `/` and is already encoded.

        The token goes into the Authorization header and nowhere else, no redirect is followed, nothing is tried
        twice. Raises any class of `errors.py`, as `refusals.refusal_of` decides; Unavailable for every trouble on the
        way: no connection, no whole answer within `timeout` seconds, too many bytes, half a body, no JSON.
        """
        if not (token.isascii() and token.isprintable()):
            raise TokenRefused("the token holds characters that no token has")
        begun = time.monotonic()
        try:
            answer = await self._ask(path_and_query, token, self._timeout if timeout is None else timeout)
        except PixVerseError as error:
            self._observe(error, time.monotonic() - begun)
            raise
        self._observe(None, time.monotonic() - begun)
        return answer

    async def _ask(self, path_and_query: str, token: str, timeout: float) -> object:
        try:
            async with asyncio.timeout(timeout):
                status, retry_after, body = await self._fetch(path_and_query, token)
        except TimeoutError:
            raise Unavailable("no whole answer in time") from None
        except (aiohttp.ClientError, HttpProcessingError, OSError, ValueError) as error:
            # The server's bytes stand in some of these texts, and could repeat what it was sent.
            reason = safe_line(f"{type(error).__name__}: {error}".replace(token, "***"))
            raise Unavailable(reason) from None
        # What is read here is kept, shown and logged: an API that repeats what it was sent must not get it so far.
        answer = parsed_json(body.replace(token.encode(), b"***"))
        refusal = refusal_of(status, answer, retry_after_of(retry_after, answer, self._now()))
        if refusal is not None:
            raise refusal
        return answer

    async def _fetch(self, path_and_query: str, token: str) -> tuple[int, str | None, bytes]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        url = URL(self._base_url + path_and_query, encoded=True)
        async with self._session.get(url, headers=headers, allow_redirects=False, raise_for_status=False) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > self._max_bytes:
                    raise Unavailable(f"{response.status} with more than {self._max_bytes} bytes")
            return response.status, response.headers.get("Retry-After"), bytes(body)
