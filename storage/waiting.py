"""What waits for an account: open subscriptions for its jobs."""

from __future__ import annotations

from dataclasses import dataclass

from storage import batches, deliveries, subscriptions
from storage.database import Queries, Transaction


@dataclass(frozen=True, slots=True)
class WaitingServer:
    """A server that waits for jobs of the account that it uses."""

    guild_id: int
    channel_id: int
    """Where its admins are told: the alerts channel, else the one that asked last."""
    token_set_by: int | None
    jobs: int


async def in_server(queries: Queries, guild_id: int, account_id: int) -> int:
    """For how many of the account's jobs the server waits."""
    row = await queries.one(
        "SELECT count(DISTINCT s.job_id) AS n FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.guild_id = ? AND s.ended_at IS NULL AND j.account_id = ?",
        (guild_id, account_id),
    )
    return 0 if row is None else int(row["n"])


async def other_account(queries: Queries, guild_id: int, account_id: int) -> int | None:
    """An account but this one for whose jobs the server waits, or that it follows; the one asked for last."""
    row = await queries.one(
        "SELECT j.account_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.guild_id = ?1 AND s.ended_at IS NULL AND j.account_id <> ?2 ORDER BY s.id DESC LIMIT 1",
        (guild_id, account_id),
    )
    if row is None:
        row = await queries.one(
            "SELECT account_id FROM follows WHERE guild_id = ? AND account_id <> ? LIMIT 1", (guild_id, account_id)
        )
    return None if row is None else int(row["account_id"])


async def servers_of(
    queries: Queries, account_id: int, operator_id: int | None, *, with_alerts_channel: bool = False
) -> list[WaitingServer]:
    """The servers that use this account and wait for jobs of it, or follow it; `operator_id` is what servers without
    an account of their own use. `with_alerts_channel`: those too that wait for nothing and have an alerts channel."""
    rows = await queries.all(
        "WITH waiting AS ("
        "  SELECT s.guild_id, count(DISTINCT s.job_id) AS jobs, max(s.id) AS newest"
        "  FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        "  WHERE s.ended_at IS NULL AND j.account_id = ?1 GROUP BY s.guild_id),"
        " following AS (SELECT guild_id, min(channel_id) AS channel_id FROM follows WHERE account_id = ?1"
        "  GROUP BY guild_id),"
        " concerned AS (SELECT guild_id FROM waiting UNION SELECT guild_id FROM following UNION"
        "  SELECT guild_id FROM servers WHERE account_id = ?1 AND alerts_channel IS NOT NULL AND ?3)"
        " SELECT c.guild_id, coalesce(v.alerts_channel, n.channel_id, f.channel_id), v.token_set_by,"
        "  coalesce(w.jobs, 0)"
        " FROM concerned c LEFT JOIN waiting w ON w.guild_id = c.guild_id"
        " LEFT JOIN following f ON f.guild_id = c.guild_id LEFT JOIN subscriptions n ON n.id = w.newest"
        " LEFT JOIN servers v ON v.guild_id = c.guild_id"
        " WHERE coalesce(v.account_id, ?2) = ?1 AND v.gone_since IS NULL ORDER BY c.guild_id",
        (account_id, operator_id, int(with_alerts_channel)),
    )
    return [WaitingServer(*row) for row in rows]


async def drop(tx: Transaction, guild_id: int, account_id: int, user_id: int, now: int) -> list[int]:
    """Ends the server's open subscriptions for the account's jobs on behalf of a user; returns their ids.

    Batches that end with them are ended, and cards that were never sent are dropped.
    """
    rows = await tx.all(
        "SELECT s.id, s.batch_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.guild_id = ? AND s.ended_at IS NULL AND j.account_id = ? ORDER BY s.id",
        (guild_id, account_id),
    )
    for row in rows:
        await subscriptions.stop(tx, row["id"], user_id, now)
        await deliveries.drop_waiting_card(tx, row["id"])
    for batch_id in {row["batch_id"] for row in rows if row["batch_id"] is not None}:
        await batches.end_if_done(tx, batch_id, now)
    return [row["id"] for row in rows]
