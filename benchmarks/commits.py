"""Counts the commits to a database that another process writes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from settings import DatabasePlace

_QUIET_LOOKS = 4
_BETWEEN_SECONDS = 0.25


class Commits:
    """Observes a database from outside. Must be closed."""

    def __init__(self, place: DatabasePlace) -> None:
        if isinstance(place, Path):
            self._reader: sqlite3.Connection | psycopg.Connection[Any] = sqlite3.connect(
                f"file:{place}?mode=ro", uri=True
            )
            self._query = "PRAGMA data_version"
        else:
            self._reader = psycopg.connect(place.secret.get_secret_value(), autocommit=True)
            # Counts the transactions that wrote, in all of the server's databases.
            self._query = "SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)"

    def version(self) -> int:
        """A number that changes with every commit to the database."""
        row = self._reader.execute(self._query).fetchone()
        if row is None:
            raise RuntimeError("a database tells its version")
        return int(row[0])

    async def cease(self) -> None:
        """Waits until nothing has been committed for a second."""
        before, quiet = self.version(), 0
        while quiet < _QUIET_LOOKS:
            await asyncio.sleep(_BETWEEN_SECONDS)
            quiet = quiet + 1 if self.version() == before else 0
            before = self.version()

    def close(self) -> None:
        """Closes the connection."""
        self._reader.close()
