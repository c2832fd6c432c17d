"""How the failures that a loop outlives stand in the log."""

from __future__ import annotations

import logging
import sqlite3


def log_failure(log: logging.Logger, error: Exception, message: str, *arguments: object) -> None:
    """Logs an error: one of this machine's disk, network or database in a line, any other with its traceback."""
    if isinstance(error, sqlite3.Error | OSError):
        log.error(f"{message}: %s: %s", *arguments, type(error).__name__, error)  # noqa: G004
    else:
        log.error(message, *arguments, exc_info=error)
