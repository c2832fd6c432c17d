"""What is old enough to be deleted: jobs that are over, with all that hangs on them, and words that were told."""

from __future__ import annotations

import json

from storage.database import Queries, Transaction
from storage.deliveries import IS_OPEN

_NOT_WANTED = (
    "NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND (s.ended_at IS NULL OR s.ended_at > {later}"
    f" OR EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.{IS_OPEN})))"
)
"""Nobody waits for the job, and nothing of it is still to be posted."""

_OF_NO_USE = (
    "token IS NULL AND NOT EXISTS (SELECT 1 FROM servers WHERE account_id = accounts.id)"
    " AND NOT EXISTS (SELECT 1 FROM follows WHERE account_id = accounts.id)"
    " AND NOT EXISTS (SELECT 1 FROM jobs WHERE account_id = accounts.id)"
)
"""The account has no token, and nothing is kept of it."""


async def old_jobs(queries: Queries, before: int, limit: int) -> list[int]:
    """Jobs that ended before this time (milliseconds UTC), and those that never did and for which nobody has waited
    since; never one that is waited for, or has something to be posted."""
    never = 2**62
    rows = await queries.all(
        f"SELECT j.id FROM jobs j WHERE j.ended_at <= ?1 AND {_NOT_WANTED.format(later=never)}"
        " UNION ALL SELECT j.id FROM jobs j WHERE j.ended_at IS NULL AND j.changed_at <= ?1"
        f" AND {_NOT_WANTED.format(later='?1')} LIMIT ?2",
        (before, limit),
    )
    return [row["id"] for row in rows]


async def delete_old_jobs(tx: Transaction, before: int, limit: int) -> int:
    """Deletes at most `limit` of them, with their subscriptions and messages; returns how many."""
    ids = await old_jobs(tx, before, limit)
    listed = json.dumps(ids)
    await tx.run("DELETE FROM subscriptions WHERE job_id IN (SELECT value FROM json_each(?))", (listed,))
    await tx.run("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(?))", (listed,))
    return len(ids)


async def delete_old_batches(tx: Transaction, before: int) -> int:
    """Deletes batches of before this time whose jobs are deleted, with their summaries; returns how many."""
    return await tx.run(
        "DELETE FROM batches WHERE created_at <= ? AND NOT EXISTS"
        " (SELECT 1 FROM subscriptions WHERE batch_id = batches.id)",
        (before,),
    )


async def delete_old_notices(tx: Transaction, before: int, limit: int) -> int:
    """Deletes at most `limit` words to admins that were settled before this time; returns how many."""
    return await tx.run(
        "DELETE FROM deliveries WHERE id IN"
        " (SELECT id FROM deliveries WHERE kind = 'notice' AND settled_at <= ? ORDER BY id LIMIT ?)",
        (before, limit),
    )


async def delete_unused_accounts(tx: Transaction) -> int:
    """Deletes accounts without a token of which nothing is kept; returns how many.

    Of the newest a number stays that no longer tells whose it was, so that none is given twice: buttons carry them.
    """
    await tx.run(
        "UPDATE accounts SET account_key = 'forgotten:' || id"
        f" WHERE {_OF_NO_USE} AND id = (SELECT max(id) FROM accounts) AND account_key <> 'forgotten:' || id"
    )
    return await tx.run(f"DELETE FROM accounts WHERE {_OF_NO_USE} AND id < (SELECT max(id) FROM accounts)")
