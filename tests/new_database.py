"""New databases for tests that don't test opening one: created once in each process, and then copied."""

from __future__ import annotations

import tempfile
from pathlib import Path

from storage.database import Database

_made: list[bytes] = []


async def lay_database(path: Path) -> Path:
    """Puts a database with all tables and no rows at `path`, unless one exists. Creating the tables takes longer than
    most tests that use them."""
    if not path.exists():
        if not _made:
            _made.append(await _new())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o600)
        path.write_bytes(_made[0])
    return path


async def _new() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "relay.db"
        await (await Database.open(path)).close()
        return path.read_bytes()
