"""Batches: one row for each `/pixverse watch` that took at least one job."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries, Transaction


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as it is kept; times in milliseconds UTC."""

    id: int
    guild_id: int
    channel_id: int
    user_id: int | None
    """None once they asked to be forgotten."""
    mention: bool
    created_at: int
    ended_at: int | None


async def add(
    tx: Transaction,
    *,
    guild_id: int,
    channel_id: int,
    user_id: int,
    mention: bool,
    now: int,
) -> int:
    """A new batch's id."""
    return await tx.insert(
        "INSERT INTO batches (guild_id, channel_id, user_id, mention, created_at) VALUES (?, ?, ?, ?, ?)",
        (guild_id, channel_id, user_id, mention, now),
    )


async def by_id(queries: Queries, batch_id: int) -> BatchRow | None:
    """The batch with this id."""
    row = await queries.one(
        "SELECT id, guild_id, channel_id, user_id, mention, created_at, ended_at FROM batches WHERE id = ?",
        (batch_id,),
    )
    if row is None:
        return None
    return BatchRow(
        row["id"],
        row["guild_id"],
        row["channel_id"],
        row["user_id"] or None,
        bool(row["mention"]),
        row["created_at"],
        row["ended_at"],
    )


async def end_if_done(tx: Transaction, batch_id: int, now: int) -> bool:
    """Ends the batch where none of its subscriptions is open; whether this very call did."""
    changed = await tx.run(
        "UPDATE batches SET ended_at = ? WHERE id = ? AND ended_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE batch_id = batches.id AND ended_at IS NULL)",
        (now, batch_id),
    )
    return changed > 0


async def remove(tx: Transaction, batch_id: int) -> None:
    """Takes back a batch that has got no subscription."""
    await tx.run("DELETE FROM batches WHERE id = ?", (batch_id,))
