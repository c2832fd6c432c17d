"""Discord's limits that apply to every request: the global rate limit, which several processes may share, and the limit
on refused requests.

discord.py 2.7.1 holds back all requests while a global limit lasts. The request that met the limit releases them after
its sleep (http.py, `HTTPClient.request`). If that request is cancelled or times out while it sleeps, all later requests
wait for ever (disnake#1585). `GlobalLimit` ends the limit in any case.

After 10,000 responses of 401, 403 or 429 within ten minutes, Discord bans an IP address for a while. A 429 of scope
`shared` does not count (Discord developer docs, Rate Limits, "Invalid Request Limit"). `InvalidRequests` counts these
responses, and pauses well before that. `RequestPacer` keeps this process's requests within its share of the global
limit.
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
"""Half of what Discord allows, because commands still need responses and another bot may share the address."""
WINDOW = 600.0
"""Seconds over which refused requests are counted."""

_COUNTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
WITHOUT_BOT_TOKEN = ("/webhooks/", "/interactions/")
"""Parts of the paths of responses to interactions. A 401 there means that the interaction is too old."""


class InvalidRequests:
    """Counts refused requests. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: deque[float] = deque()
        self.limit = LIMIT
        self.share: Callable[[], float] = lambda: 1.0
        """Returns which part of the limit this process may use: others may share the address."""
        self.token_refused = asyncio.Event()
        """Set once Discord has refused the bot's token."""

    def note(self, end: aiohttp.TraceRequestEndParams) -> None:
        """Counts a response, if Discord counts it as an invalid request."""
        status = end.response.status
        if status not in _COUNTED or end.response.headers.get("X-RateLimit-Scope") == "shared":
            return
        was_paused = self.pause() > 0
        self._times.append(self._monotonic())
        if self.pause() > 0 and not was_paused:
            counted = len(self._times)
            log.error("Discord has refused %d requests within ten minutes; posting pauses for a while", counted)
        if status == HTTPStatus.UNAUTHORIZED and not any(part in end.url.path for part in WITHOUT_BOT_TOKEN):
            self.token_refused.set()

    def pause(self) -> float:
        """For how many seconds nothing may be posted; 0 if posting is allowed."""
        self._forget()
        allowed = max(1, math.ceil(self.limit * self.share()))
        if len(self._times) < allowed:
            return 0.0
        return self._times[-allowed] + WINDOW - self._monotonic()

    def _forget(self) -> None:
        before = self._monotonic() - WINDOW
        while self._times and self._times[0] <= before:
            self._times.popleft()


_MARGIN_SECONDS = 0.1
"""A margin so that discord.py, if it releases the requests, does so first."""
_LONGEST_SECONDS = 3600.0


class GlobalLimit:
    """Releases discord.py's requests when a global rate limit is over."""

    def __init__(self, http: Callable[[], HTTPClient]) -> None:
        self._http = http
        self._ends_at = 0.0

    async def note(self, response: aiohttp.ClientResponse) -> None:
        """Notes the global limit in a response. To be called for every response of Discord."""
        if response.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        seconds = _seconds_of(await response.read())
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._ends_at = max(self._ends_at, loop.time() + seconds)
        loop.call_later(seconds + _MARGIN_SECONDS, self._over)

    def _over(self) -> None:
        # A limit that was met later may end later.
        if asyncio.get_running_loop().time() >= self._ends_at:
            self._http()._global_over.set()  # noqa: SLF001


def _seconds_of(body: bytes) -> float | None:
    """How long the global limit lasts, in seconds; None if the response names no global limit."""
    try:
        content = json.loads(body)
        seconds = float(content["retry_after"]) if content["global"] is True else math.nan
    except (ValueError, TypeError, LookupError):
        return None
    return min(max(seconds, 0.0), _LONGEST_SECONDS) if math.isfinite(seconds) else None


def counts_globally(url: yarl.URL) -> bool:
    """Whether Discord counts a request against the bot's global limit.

    Responses to interactions don't count (developer docs, Rate Limits), and connecting to the gateway is not an API
    request.
    """
    return url.scheme in ("http", "https") and not any(part in url.path for part in WITHOUT_BOT_TOKEN)


class RequestPacer:
    """Spaces requests evenly if several processes share the global limit.

    `per_second` returns how many requests per second are allowed now; `monotonic` returns seconds.
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
        """Waits for this request's turn. Turns are given in the order of the calls."""
        async with self._turns:
            while (wait := self._last + 1.0 / self._per_second() - self._monotonic()) > 0:
                await self._sleep(wait)
            self._last = self._monotonic()
