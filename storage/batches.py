"""Batches: one row for each `/pixverse watch` that took at least one job."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries, Transaction


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch as it is stored; times in milliseconds UTC."""

    id: int
    guild_id: int
    channel_id: int
    user_id: int | None
    """Who asked for it; None once they asked to be forgotten."""
    mention: bool
    created_at: int
    ended_at: int | None


async def by_id(queries: Queries, batch_id: int) -> BatchRow | None:
    """The batch with this id."""
    sql = "SELECT id, guild_id, channel_id, nullif(user_id, 0) AS user_id, mention, created_at, ended_at FROM batches"
    return await queries.one_as(BatchRow, f"{sql} WHERE id = ?", (batch_id,))


async def add(tx: Transaction, *, guild_id: int, channel_id: int, user_id: int, mention: bool, now: int) -> int:
    """Adds a batch; returns its id."""
    return await tx.insert(
        "batches", guild_id=guild_id, channel_id=channel_id, user_id=user_id, mention=mention, created_at=now
    )


async def end_if_done(tx: Transaction, batch_id: int, now: int) -> bool:
    """Ends the batch if none of its subscriptions is open; returns whether this call ended it."""
    changed = await tx.run(
        """
        UPDATE batches SET ended_at = ? WHERE id = ? AND ended_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE batch_id = batches.id AND ended_at IS NULL)
        """,
        (now, batch_id),
    )
    return changed > 0


async def ping(tx: Transaction, batch_id: int, user_id: int) -> None:
    """Has this person pinged at the batch's end, if it is their batch."""
    await tx.run("UPDATE batches SET mention = TRUE WHERE id = ? AND user_id = ?", (batch_id, user_id))


async def leave(tx: Transaction, batch_id: int, user_id: int) -> None:
    """Notes that this person has stopped watching a job of the batch, or asked for no ping. If it is their batch, and
    they no longer want a ping for any of its open jobs, they are not pinged at its end."""
    await tx.run(
        """
        UPDATE batches SET mention = FALSE WHERE id = ? AND user_id = ?
        AND NOT EXISTS (SELECT 1 FROM subscriptions s JOIN subscribers p ON p.subscription_id = s.id
          WHERE s.batch_id = batches.id AND s.ended_at IS NULL AND p.user_id = batches.user_id
          AND p.mention)
        """,
        (batch_id, user_id),
    )


async def remove(tx: Transaction, batch_id: int) -> None:
    """Deletes a batch that got no subscription."""
    await tx.run("DELETE FROM batches WHERE id = ?", (batch_id,))
