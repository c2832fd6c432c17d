"""Checks that the bot sends Discord no requests during a global rate limit."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import Reply, Request

_NO_LIMIT_FOR = ("/interactions/", "/webhooks/")
"""Replies to people don't count against the limit."""
_LONGEST = 30.0
"""A request that is told to wait for longer is given up; others need not wait for it."""
_ROUNDED = 0.1


class RateLimitLaws:
    """Checks each request to Discord."""

    def __init__(self, clock: VirtualClock, fail: Callable[[str], None]) -> None:
        self._clock = clock
        self._fail = fail
        self._limits: list[tuple[float, float]] = []
        """The times, from and until, in which no request may be sent."""

    def new_process(self) -> None:
        """A new process knows nothing of the limits that the one before was told."""
        self._limits.clear()

    def on_request(self, request: Request) -> None:
        """The bot sends a request."""
        now = self._clock.passed
        if any(part in request.path for part in _NO_LIMIT_FOR):
            return
        if any(begins + _ROUNDED < now < ends - _ROUNDED for begins, ends in self._limits):
            self._fail(f"Discord had asked to be left alone, and is asked for {request.method} {request.path}")

    def on_response(self, reply: Reply, there: float) -> None:
        """The bot receives the reply in `there` seconds."""
        said = reply.body if isinstance(reply.body, dict) else {}
        wait = float(said.get("retry_after") or math.inf)
        if reply.status == 429 and said.get("global") is True and wait <= _LONGEST:
            begins = self._clock.passed + there
            self._limits.append((begins, begins + wait))
