"""A person: everything that is kept about them, and how it is deleted."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Transaction

FORGOTTEN = 0
"""Stands for a person who asked to be forgotten where it has to be known that there was one."""


@dataclass(frozen=True, slots=True)
class Named:
    """Which messages may name a person, or may have to, until they are edited."""

    subscriptions: tuple[int, ...]


async def forget(tx: Transaction, user_id: int) -> Named:
    """Deletes what is kept about a person, whatever the server. What they wait for goes on without them."""
    named = await _named(tx, user_id)
    await tx.run(
        "UPDATE subscriptions SET shown_at = 0 WHERE ended_at IS NULL"
        " AND id IN (SELECT subscription_id FROM subscribers WHERE user_id = ?)",
        (user_id,),
    )
    await tx.run("DELETE FROM subscribers WHERE user_id = ?", (user_id,))
    await tx.run("UPDATE batches SET user_id = ?, mention = 0, shown_at = 0 WHERE user_id = ?", (FORGOTTEN, user_id))
    await tx.run("UPDATE subscriptions SET stopped_by = ? WHERE stopped_by = ?", (FORGOTTEN, user_id))
    await tx.run("UPDATE servers SET token_set_by = NULL WHERE token_set_by = ?", (user_id,))
    await tx.run("UPDATE follows SET followed_by = NULL WHERE followed_by = ?", (user_id,))
    await _leave_notices(tx, user_id)
    return named


async def _named(tx: Transaction, user_id: int) -> Named:
    """The open subscriptions that the person waits for, and one of each of their batches that is not over."""
    rows = await tx.all(
        "SELECT s.id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id"
        " WHERE p.user_id = ?1 AND s.ended_at IS NULL"
        " UNION SELECT min(s.id) FROM batches b JOIN subscriptions s ON s.batch_id = b.id"
        " WHERE b.user_id = ?1 AND b.ended_at IS NULL GROUP BY b.id",
        (user_id,),
    )
    return Named(tuple(row["id"] for row in rows))


async def _leave_notices(tx: Transaction, user_id: int) -> None:
    """Takes the person out of words to admins that ping them, sent or not."""
    await tx.run(
        "UPDATE deliveries SET notice = json_set(notice, '$.mention', json((SELECT json_group_array(value)"
        " FROM json_each(notice, '$.mention') WHERE value <> ?1)))"
        " WHERE kind = 'notice' AND ?1 IN (SELECT value FROM json_each(notice, '$.mention'))",
        (user_id,),
    )
