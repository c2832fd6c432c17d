"""Counts the requests that Discord refuses, and stops before it locks out the whole address of this machine.

After 10,000 answers of 401, 403 or 429 within ten minutes an IP address is banned for a while; a 429 of scope `shared`
does not count (Discord developer docs, Rate Limits, "Invalid Request Limit").
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

import aiohttp

log = logging.getLogger(__name__)

LIMIT = 5000
"""Half of what is allowed: commands are still answered, and another bot may live at the same address."""
WINDOW = 600.0
"""Seconds."""

_COUNTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_WITHOUT_BOT_TOKEN = ("/webhooks/", "/interactions/")
"""A 401 there tells that an interaction is too old."""


class InvalidRequests:
    """Told of every answer; `monotonic` gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._times: deque[float] = deque()
        self.limit = LIMIT
        self.token_refused = asyncio.Event()
        """Set once Discord has refused the bot's token."""

    def note(self, end: aiohttp.TraceRequestEndParams) -> None:
        """Discord has answered a request."""
        status = end.response.status
        if status not in _COUNTED or end.response.headers.get("X-RateLimit-Scope") == "shared":
            return
        self._forget()
        self._times.append(self._monotonic())
        if len(self._times) == self.limit:
            log.error("Discord has refused %d requests within ten minutes; posting rests for a while", self.limit)
        if status == HTTPStatus.UNAUTHORIZED and not any(part in end.url.path for part in _WITHOUT_BOT_TOKEN):
            self.token_refused.set()

    def rest(self) -> float:
        """For how many seconds nothing is to be posted; 0: it may be."""
        self._forget()
        if len(self._times) < self.limit:
            return 0.0
        return self._times[-self.limit] + WINDOW - self._monotonic()

    def _forget(self) -> None:
        before = self._monotonic() - WINDOW
        while self._times and self._times[0] <= before:
            self._times.popleft()
