"""Deletes what is kept about a person, about a server without the bot, and whatever is old enough."""

from __future__ import annotations

import json

from model.states import DeliveryKind
from storage.database import Queries, Transaction
from storage.deliveries import IS_OPEN
from storage.subscriptions import FORGOTTEN

_NOT_WANTED = f"""
NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND (s.ended_at IS NULL OR {{recent}}
  OR EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.{IS_OPEN})))
"""
"""Nobody waits for the job, nothing of it is still to be posted, and no subscription is `recent`."""

_CARD_OUTDATED = f"""
(s.ended_at > ?3 AND NOT s.card_final AND EXISTS (SELECT 1 FROM deliveries c
  WHERE c.subscription_id = s.id AND c.kind = '{DeliveryKind.CARD}' AND c.message_id IS NOT NULL))
"""
"""The subscription ended a short while ago, and its card does not say so yet."""

_UNUSED = """
token IS NULL AND NOT EXISTS (SELECT 1 FROM servers WHERE account_id = accounts.id)
AND NOT EXISTS (SELECT 1 FROM follows WHERE account_id = accounts.id)
AND NOT EXISTS (SELECT 1 FROM jobs WHERE account_id = accounts.id)
"""
"""The account has no token, and no server, follow or job refers to it."""

# ---- a person, a server ---------------------------------------------------------------------------------------------


async def forget_person(tx: Transaction, user_id: int) -> list[int]:
    """Deletes what is kept about a person in all servers.

    Jobs that they wait for are still relayed, so the database keeps that somebody waits: otherwise a subscription would
    end with the next person who leaves. Returns the subscriptions whose messages may name the person until they are
    edited: the person's open ones, and one of each of their batches that has not ended.
    """
    named = await tx.values(
        """
        SELECT s.id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id
        WHERE p.user_id = ?1 AND s.ended_at IS NULL
        UNION SELECT min(s.id) FROM batches b JOIN subscriptions s ON s.batch_id = b.id
        WHERE b.user_id = ?1 AND b.ended_at IS NULL GROUP BY b.id
        """,
        (user_id,),
    )
    await tx.run(
        """
        UPDATE subscriptions SET shown_at = 0 WHERE shown_at > 0 AND ended_at IS NULL
        AND id IN (SELECT subscription_id FROM subscribers WHERE user_id = ?)
        """,
        (user_id,),
    )
    await tx.run(
        """
        INSERT INTO subscribers (subscription_id, user_id, mention, in_batch, asked_at)
        SELECT p.subscription_id, ?, FALSE, FALSE, 0 FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id
        WHERE p.user_id = ? AND s.ended_at IS NULL
        ON CONFLICT (subscription_id, user_id) DO NOTHING
        """,
        (FORGOTTEN, user_id),
    )
    await tx.run("DELETE FROM subscribers WHERE user_id = ?", (user_id,))
    await tx.run(
        "UPDATE batches SET user_id = ?, mention = FALSE, shown_at = 0 WHERE user_id = ?", (FORGOTTEN, user_id)
    )
    # The process that posts in those servers is notified when this column changes.
    await tx.run(
        f"UPDATE subscriptions SET card_final = card_final WHERE {tx.dialect.among('id')}", (tx.dialect.list_of(named),)
    )
    await tx.run("UPDATE subscriptions SET stopped_by = ? WHERE stopped_by = ?", (FORGOTTEN, user_id))
    await tx.run("UPDATE servers SET token_set_by = NULL WHERE token_set_by = ?", (user_id,))
    await tx.run("UPDATE follows SET followed_by = NULL WHERE followed_by = ?", (user_id,))
    await _leave_notices(tx, user_id)
    return named


async def _leave_notices(tx: Transaction, user_id: int) -> None:
    """Removes the person from the notices that ping them, sent or not."""
    sql = f"SELECT id, notice FROM deliveries WHERE kind = '{DeliveryKind.NOTICE}' AND notice LIKE ? ORDER BY id"
    for row in await tx.all(sql, (f"%{user_id}%",)):
        notice = json.loads(row["notice"])
        mentioned = notice.get("mention", [])
        if user_id in mentioned:
            notice["mention"] = [other for other in mentioned if other != user_id]
            changed = json.dumps(notice, ensure_ascii=False, separators=(",", ":"))
            await tx.run("UPDATE deliveries SET notice = ? WHERE id = ?", (changed, row["id"]))


async def forget_server(tx: Transaction, guild_id: int) -> int | None:
    """Deletes everything about a server, with the jobs that no other server knows. Returns its own account, if any."""
    account_id = await tx.value("SELECT account_id FROM servers WHERE guild_id = ?", (guild_id,))
    jobs = await tx.values("SELECT DISTINCT job_id FROM subscriptions WHERE guild_id = ?", (guild_id,))
    for table in ("deliveries", "subscriptions", "batches", "follows"):
        await tx.run(f"DELETE FROM {table} WHERE guild_id = ?", (guild_id,))
    await tx.run(
        f"""
        DELETE FROM jobs WHERE {tx.dialect.among("id")}
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE job_id = jobs.id)
        """,
        (tx.dialect.list_of(jobs),),
    )
    await tx.run("DELETE FROM servers WHERE guild_id = ?", (guild_id,))
    return account_id


# ---- what is old enough ---------------------------------------------------------------------------------------------


async def old_jobs(queries: Queries, before: int, limit: int, *, stopped_before: int) -> list[int]:
    """Jobs that ended before this time (milliseconds UTC), and jobs that have not ended but for which nobody has waited
    since then.

    Never a job that somebody waits for, that has something still to be posted, or whose card still has to be edited for
    the last time, unless nobody has waited for it since `stopped_before`.
    """
    return await queries.values(
        f"""
        SELECT j.id FROM jobs j WHERE j.ended_at <= ?1 AND {_NOT_WANTED.format(recent=_CARD_OUTDATED)}
        UNION ALL
        SELECT j.id FROM jobs j
        WHERE j.ended_at IS NULL AND j.changed_at <= ?1 AND {_NOT_WANTED.format(recent="s.ended_at > ?1")}
        LIMIT ?2
        """,
        (before, limit, stopped_before),
    )


async def delete_old_jobs(tx: Transaction, before: int, limit: int, *, stopped_before: int) -> int:
    """Deletes at most `limit` of `old_jobs`, with their subscriptions and deliveries; returns how many."""
    ids = await old_jobs(tx, before, limit, stopped_before=stopped_before)
    await tx.run(f"DELETE FROM subscriptions WHERE {tx.dialect.among('job_id')}", (tx.dialect.list_of(ids),))
    await tx.run(f"DELETE FROM jobs WHERE {tx.dialect.among('id')}", (tx.dialect.list_of(ids),))
    return len(ids)


async def delete_old_batches(tx: Transaction, before: int) -> None:
    """Deletes the batches from before this time whose jobs are deleted, with their summaries."""
    await tx.run(
        """
        DELETE FROM batches WHERE created_at <= ?
        AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE batch_id = batches.id)
        """,
        (before,),
    )


async def delete_old_notices(tx: Transaction, before: int, limit: int) -> int:
    """Deletes at most `limit` notices that were settled before this time; returns how many."""
    return await tx.run(
        """
        DELETE FROM deliveries WHERE id IN
          (SELECT id FROM deliveries WHERE kind = ? AND settled_at <= ? ORDER BY id LIMIT ?)
        """,
        (DeliveryKind.NOTICE, before, limit),
    )


async def delete_unused_accounts(tx: Transaction) -> list[int]:
    """Deletes the accounts that have no token and that nothing refers to; returns which.

    The row of the newest account stays, but no longer says whose it was: buttons carry numbers of accounts, so no
    number may be used twice.
    """
    await tx.run(
        f"""
        UPDATE accounts SET account_key = 'forgotten:' || id
        WHERE {_UNUSED} AND id = (SELECT max(id) FROM accounts) AND account_key <> 'forgotten:' || id
        """
    )
    return await tx.values(f"DELETE FROM accounts WHERE {_UNUSED} AND id < (SELECT max(id) FROM accounts) RETURNING id")
