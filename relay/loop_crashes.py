"""How often the background loops have crashed, and which of them crash again and again."""

from __future__ import annotations

import logging
from collections import Counter

from relay.failures import LONGEST_SECONDS, FailureSeries

log = logging.getLogger(__name__)

STEADY_SECONDS = LONGEST_SECONDS
"""A loop that has run for so long is well again."""


class LoopCrashes:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How often each loop has crashed."""
        self._series: dict[str, FailureSeries] = {}
        self._since: dict[str, float] = {}
        self._runs_from: dict[str, float] = {}

    def crashed(self, name: str, began_at: float, now: float, error: Exception) -> float:
        """The loop, which had run since `began_at`, has crashed; returns how many seconds to wait before a restart."""
        self.counts[name] += 1
        series = self._series.setdefault(name, FailureSeries(log, f"the {name} loop crashed"))
        if now - began_at >= STEADY_SECONDS:
            series.worked()
            self._since.pop(name, None)
        self._since.setdefault(name, now)
        seconds = series.failed(error)
        self._runs_from[name] = now + seconds
        return seconds

    def crashing_since(self, name: str, now: float) -> float | None:
        """When the loop crashed for the first time since it last ran steadily; None where it runs so."""
        since = self._since.get(name)
        if since is None or now - self._runs_from[name] >= STEADY_SECONDS:
            return None
        return since
