"""What other processes have committed: rows of `changes`, which triggers write in the transaction that makes a change.

Transactions are not committed in the order in which they begin, so "everything after the last number" would skip some.
Instead, a reader remembers the oldest transaction that was still open when it looked (the *horizon*). It reads
everything again that this or a later transaction has written, and skips what it has read before.
"""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries, Transaction

_HORIZON = "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)"


@dataclass(frozen=True, slots=True)
class CommittedChange:
    """A change that another process has committed."""

    id: int
    kind: str
    """The kind that the table's trigger names, or that `report_end` does."""
    item: int
    """The number of what has changed."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look has found."""

    horizon: int
    """Where the next look begins."""
    changes: list[CommittedChange]


async def horizon(queries: Queries) -> int:
    """The current horizon: where to begin after everything else was read."""
    return int(await queries.value(f"SELECT {_HORIZON}") or 0)


async def since(queries: Queries, horizon: int, *, but_of: str) -> Look:
    """What other writers have committed since the horizon; it may contain what an earlier look found."""
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
    """Tells the process that polls the job that a callback reports the job's end."""
    await tx.run("INSERT INTO changes (kind, item) VALUES ('end_reported', ?)", (job_id,))


async def snapshot(queries: Queries) -> str:
    """Which transactions are visible now."""
    return str(await queries.value("SELECT CAST(pg_current_snapshot() AS text)"))


async def delete_visible(tx: Transaction, snapshot: str) -> None:
    """Deletes the changes that were visible at this snapshot. A transaction may be committed long after it has made
    its changes, so their age does not tell whether every process has read them."""
    await tx.run(
        """
        DELETE FROM changes
        WHERE pg_visible_in_snapshot(CAST(CAST(made_in AS text) AS xid8), CAST(? AS pg_snapshot))
        """,
        (snapshot,),
    )
