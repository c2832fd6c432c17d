"""Discord's limits that concern every request: the global rate limit, also where several processes share it, and the
count of refused requests.

discord.py 2.7.1 holds back all requests while a global limit lasts, and releases them in the request that met it, after
its sleep (http.py, `HTTPClient.request`). Where that request is cancelled or times out in its sleep, it never does, and
every later request waits for ever (disnake#1585). `GlobalLimit` ends the limit whoever was cancelled.

After 10,000 responses of 401, 403 or 429 within ten minutes an IP address is banned for a while; a 429 of scope
`shared` does not count (Discord developer docs, Rate Limits, "Invalid Request Limit"). `InvalidRequests` counts them
and pauses before that. `RequestPacer` keeps this process's requests within its share of the global limit.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
import yarl
from discord.http import HTTPClient

from relay.ports import Sleep

log = logging.getLogger(__name__)

LIMIT = 5000
"""Half of what is allowed: commands still need responses, and another bot may share the address."""
WINDOW = 600.0
"""Seconds."""

_COUNTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
WITHOUT_BOT_TOKEN = ("/webhooks/", "/interactions/")
"""In the paths of responses to interactions. A 401 there means that an interaction is too old."""


class InvalidRequests:
    """Counts refused requests. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: deque[float] = deque()
        self.limit = LIMIT
        self.token_refused = asyncio.Event()
        """Set once Discord has refused the bot's token."""

    def note(self, end: aiohttp.TraceRequestEndParams) -> None:
        """Counts a response, if it is one of those that Discord counts."""
        status = end.response.status
        if status not in _COUNTED or end.response.headers.get("X-RateLimit-Scope") == "shared":
            return
        self._forget()
        self._times.append(self._monotonic())
        if len(self._times) == self.limit:
            log.error("Discord has refused %d requests within ten minutes; posting pauses for a while", self.limit)
        if status == HTTPStatus.UNAUTHORIZED and not any(part in end.url.path for part in WITHOUT_BOT_TOKEN):
            self.token_refused.set()

    def pause(self) -> float:
        """For how many seconds nothing may be posted; 0 if posting is allowed."""
        self._forget()
        if len(self._times) < self.limit:
            return 0.0
        return self._times[-self.limit] + WINDOW - self._monotonic()

    def _forget(self) -> None:
        before = self._monotonic() - WINDOW
        while self._times and self._times[0] <= before:
            self._times.popleft()


_MARGIN_SECONDS = 0.1
"""So that discord.py releases the requests first, if it does."""
_LONGEST_SECONDS = 3600.0


class GlobalLimit:
    """Releases discord.py's requests when a global rate limit is over."""

    def __init__(self, http: Callable[[], HTTPClient]) -> None:
        self._http = http
        self._ends_at = 0.0

    async def note(self, response: aiohttp.ClientResponse) -> None:
        """Notes the global limit in a response. Call it for every response of Discord."""
        if response.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        seconds = _seconds_of(await response.read())
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._ends_at = max(self._ends_at, loop.time() + seconds)
        loop.call_later(seconds + _MARGIN_SECONDS, self._over)

    def _over(self) -> None:
        # A limit that was met later lasts longer.
        if asyncio.get_running_loop().time() >= self._ends_at:
            self._http()._global_over.set()  # noqa: SLF001


def _seconds_of(body: bytes) -> float | None:
    """How long the global limit lasts, in seconds; None if the response has none."""
    try:
        content = json.loads(body)
        seconds = float(content["retry_after"]) if content["global"] is True else math.nan
    except (ValueError, TypeError, LookupError):
        return None
    return min(max(seconds, 0.0), _LONGEST_SECONDS) if math.isfinite(seconds) else None


def counts_globally(url: yarl.URL) -> bool:
    """Whether Discord counts a request against the bot's global limit.

    Interactions are not bound to it (developer docs, Rate Limits), and a connection to the gateway is no request of the
    API.
    """
    return url.scheme in ("http", "https") and not any(part in url.path for part in WITHOUT_BOT_TOKEN)


class RequestPacer:
    """Spaces requests evenly, where several processes share the global limit.

    `per_second` returns how many there may be now, `monotonic` seconds.
    """

    def __init__(
        self,
        per_second: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._turns = asyncio.Lock()
        self._last = monotonic() - 1.0

    async def wait(self) -> None:
        """Waits for this request's turn, after those that have asked before."""
        async with self._turns:
            while (wait := self._last + 1.0 / self._per_second() - self._monotonic()) > 0:
                await self._sleep(wait)
            self._last = self._monotonic()
