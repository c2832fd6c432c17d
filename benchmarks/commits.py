"""What is committed to a database that somebody else writes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

_QUIET_LOOKS = 4
_BETWEEN_SECONDS = 0.25


class Commits:
    """Looks at a database from outside; to be closed."""

    def __init__(self, path: Path) -> None:
        self._reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def version(self) -> int:
        """A number that changes with every commit of whoever writes into the database."""
        return int(self._reader.execute("PRAGMA data_version").fetchone()[0])

    async def cease(self) -> None:
        """Waits until nothing was committed for a second."""
        before, quiet = self.version(), 0
        while quiet < _QUIET_LOOKS:
            await asyncio.sleep(_BETWEEN_SECONDS)
            quiet = quiet + 1 if self.version() == before else 0
            before = self.version()

    def close(self) -> None:
        """Lets go of the file."""
        self._reader.close()
