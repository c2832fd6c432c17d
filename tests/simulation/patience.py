"""Whether the bot leaves Discord alone while a global rate limit lasts."""

from __future__ import annotations

import math
from collections.abc import Callable

from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import Reply, Request

_NO_LIMIT_FOR = ("/interactions/", "/webhooks/")
"""Answers to people are not counted."""
_LONGEST = 30.0
"""Whoever is told to wait for longer gives up, and waits for that alone."""
_ROUNDED = 0.1


class Patience:
    """Looks at each request to Discord."""

    def __init__(self, clock: VirtualClock, fail: Callable[[str], None]) -> None:
        self._clock = clock
        self._fail = fail
        self._limits: list[tuple[float, float]] = []
        """From when until when nothing is to be asked."""

    def new_process(self) -> None:
        """What the one before was told is forgotten."""
        self._limits.clear()

    def asked(self, request: Request) -> None:
        """The bot asks for something."""
        now = self._clock.passed
        if any(part in request.path for part in _NO_LIMIT_FOR):
            return
        if any(begins + _ROUNDED < now < ends - _ROUNDED for begins, ends in self._limits):
            self._fail(f"Discord had asked to be left alone, and is asked for {request.method} {request.path}")

    def told(self, reply: Reply, there: float) -> None:
        """What it gets in `there` seconds."""
        said = reply.body if isinstance(reply.body, dict) else {}
        wait = float(said.get("retry_after") or math.inf)
        if reply.status == 429 and said.get("global") is True and wait <= _LONGEST:
            begins = self._clock.passed + there
            self._limits.append((begins, begins + wait))
