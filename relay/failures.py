"""How the failures that a loop outlives stand in the log, and how long it then waits."""

from __future__ import annotations

import logging

from storage.errors import StorageError

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 60.0
"""Between two tries of something that keeps failing."""


def log_failure(log: logging.Logger, error: Exception, message: str, *arguments: object) -> None:
    """Logs an error: one of this machine's disk, network or database in a line, any other with its traceback."""
    if isinstance(error, StorageError | OSError):
        log.error(f"{message}: %s: %s", *arguments, type(error).__name__, error)  # noqa: G004
    else:
        log.error(message, *arguments, exc_info=error)


class FailureSeries:
    """One thing that is tried again whenever it fails: each failure of a series doubles the wait before the next try,
    up to a minute, and only the first of a kind has its traceback in the log."""

    def __init__(self, log: logging.Logger, message: str) -> None:
        self._log = log
        self._message = message
        self._in_a_row = 0
        self._known: set[tuple[type[Exception], int]] = set()

    def failed(self, error: Exception) -> float:
        """Logs the failure; returns how many seconds to wait."""
        self._in_a_row += 1
        seconds = min(FIRST_SECONDS * 2.0 ** min(self._in_a_row - 1, 10), LONGEST_SECONDS)
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
        """The series is over."""
        if self._in_a_row:
            self._in_a_row = 0
            self._known.clear()


def _line_of(error: Exception) -> int:
    """The number of the line in which it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return 0 if trace is None else trace.tb_lineno
