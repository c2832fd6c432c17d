"""Whether the database takes a write: nothing but a write tells (a full disk, a lock, a disk turned read-only)."""

from __future__ import annotations

from storage import meta
from storage.database import Database


async def write(database: Database, now: int) -> None:
    """Commits a few bytes. Raises StorageError or OSError where the database takes none."""
    async with database.transaction() as tx:
        await meta.put(tx, "health", str(now).encode())
