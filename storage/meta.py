"""Small facts about this database as a whole, by name."""

from __future__ import annotations

from storage.database import Queries, Transaction


async def get(queries: Queries, name: str) -> bytes | None:
    """The value kept under this name, or None."""
    row = await queries.one("SELECT value FROM meta WHERE name = ?", (name,))
    return None if row is None else bytes(row["value"])


async def put(tx: Transaction, name: str, value: bytes) -> None:
    """Keeps a value under this name in place of the earlier one."""
    await tx.run(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
