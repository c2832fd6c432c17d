"""What other processes have committed: rows that triggers write into `changes`, in the very transaction.

Transactions are committed in another order than they are begun, so "everything after the last number" would skip some.
A reader remembers instead the oldest transaction that was still under way when it looked (the *horizon*), reads again
whatever that one or a later one has written, and passes over what it has read before.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries, Transaction

KEPT_SECONDS = 120
"""Whoever has read nothing for so long reads everything again: its lease has run out long before."""


@dataclass(frozen=True, slots=True)
class CommittedChange:
    """Something that another process has committed."""

    id: int
    kind: str
    """As the triggers of the tables call it."""
    item: int


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found."""

    horizon: int
    """From here on the next look reads."""
    changes: list[CommittedChange]


async def horizon(queries: Queries) -> int:
    """From where on to read, for whoever reads everything else now."""
    return int(await queries.value(f"SELECT {_HORIZON}") or 0)


_HORIZON = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"


async def since(queries: Queries, horizon: int, *, but_of: str) -> Look:
    """What others than this writer have written since the horizon; some of it perhaps once more."""
    rows = await queries.all(
        f"""
        SELECT h.horizon, c.id, c.kind, c.item FROM (SELECT {_HORIZON} AS horizon) h
        LEFT JOIN changes c ON c.made_in >= ? AND c.writer <> ? ORDER BY c.id
        """,
        (horizon, but_of),
    )
    return Look(
        rows[0]["horizon"],
        [CommittedChange(row["id"], row["kind"], row["item"]) for row in rows if row["id"] is not None],
    )


async def report_end(tx: Transaction, job_id: int) -> None:
    """Tells whoever polls the job that a callback reports its end."""
    await tx.run("INSERT INTO changes (kind, item) VALUES ('end_reported', ?)", (job_id,))


async def delete_old(tx: Transaction) -> int:
    """Deletes what everybody has read; returns how many rows."""
    return await tx.run(f"DELETE FROM changes WHERE made_at < clock_timestamp() - interval '{KEPT_SECONDS} seconds'")
