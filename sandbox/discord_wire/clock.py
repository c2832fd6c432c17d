"""SimCord's clock, set to now and running with real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from simcord._clock import Clock


class RunningClock(Clock):
    """Runs with the machine's clock, so ids and times are real and interactions expire after 3 s and 15 min.

    Args:
        now_s: Seconds since 1970 (UTC).
    """

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._started_s = now_s()
        self._ahead_s = 0.0

    @property
    def elapsed(self) -> float:  # type: ignore[override] # an attribute in SimCord
        """Seconds since this clock was created, including the advances."""
        return self._now_s() - self._started_s + self._ahead_s

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.fromtimestamp(self._now_s(), UTC) + timedelta(seconds=self._ahead_s)

    def advance(self, seconds: float) -> None:
        """Put the clock forward, which makes everything sent so far older."""
        self._ahead_s += seconds
