"""Handling of repeated failures: how they are logged, how long to back off, and which background loops crash."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable

from storage.errors import StorageError

log = logging.getLogger(__name__)

Loop = Callable[[], Awaitable[None]]
"""A background loop; runs until it is cancelled."""

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""The longest wait between two tries of something that keeps failing."""
STEADY_SECONDS = LONGEST_SECONDS
"""A loop that has run for this long counts as healthy again."""


def log_failure(log: logging.Logger, error: Exception, message: str, *arguments: object) -> None:
    """Logs an error: errors of the disk, network or database in one line, all others with their traceback."""
    if isinstance(error, StorageError | OSError):
        log.error(f"{message}: %s: %s", *arguments, type(error).__name__, error)  # noqa: G004
    else:
        log.error(message, *arguments, exc_info=error)


def backoff(first: float, failures: int, longest: float) -> float:
    """Seconds to wait after `failures` (from 1) failures in a row: `first`, then twice as long each time."""
    return min(first * 2.0 ** min(failures - 1, 10), longest)


class FailureSeries:
    """Consecutive failures of something that is retried. Each failure doubles the wait before the next try, up to
    `longest` seconds. Only the first failure of a kind is logged with its traceback."""

    def __init__(self, log: logging.Logger, message: str, longest: float = LONGEST_SECONDS) -> None:
        self._log = log
        self._message = message
        self._longest = longest
        self._in_a_row = 0
        self._known: set[tuple[type[Exception], int]] = set()

    def failed(self, error: Exception) -> float:
        """Logs the failure and returns how many seconds to wait."""
        self._in_a_row += 1
        seconds = backoff(FIRST_SECONDS, self._in_a_row, self._longest)
        kind = (type(error), _line_of(error))
        if kind in self._known:
            self._log.error(
                "%s, %d times in a row; next try in %.0f s: %s: %s",
                self._message,
                self._in_a_row,
                seconds,
                type(error).__name__,
                error,
            )
        else:
            self._known.add(kind)
            log_failure(self._log, error, "%s; next try in %.0f s", self._message, seconds)
        return seconds

    def worked(self) -> None:
        """Ends the series."""
        self._in_a_row = 0
        self._known.clear()


def _line_of(error: Exception) -> int:
    """The number of the line that raised the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return 0 if trace is None else trace.tb_lineno


class LoopCrashes:
    """Counts the crashes of each background loop, and spaces its restarts. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """How often each loop has crashed."""
        self._series: dict[str, FailureSeries] = {}
        self._since: dict[str, float] = {}
        self._runs_from: dict[str, float] = {}

    def crashed(self, name: str, began_at: float, now: float, error: Exception) -> float:
        """Counts a crash of a loop that had run since `began_at`; returns how many seconds to wait before a restart."""
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
        """When the loop first crashed since it last ran steadily; None if it runs steadily now."""
        since = self._since.get(name)
        if since is None or now - self._runs_from[name] >= STEADY_SECONDS:
            return None
        return since
