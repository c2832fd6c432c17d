"""Servers that have removed the bot, and channels that are gone: what is kept of them, and how it is forgotten."""

from __future__ import annotations

from storage.database import Queries, Transaction
from storage.deliveries import IS_OPEN


async def servers_gone(queries: Queries) -> set[int]:
    """The servers that have removed the bot."""
    return {row["guild_id"] for row in await queries.all("SELECT guild_id FROM servers WHERE gone_since IS NOT NULL")}


async def servers_gone_before(queries: Queries, time: int) -> list[int]:
    """The servers that removed the bot at this time (milliseconds UTC) or earlier."""
    rows = await queries.all("SELECT guild_id FROM servers WHERE gone_since <= ? ORDER BY gone_since", (time,))
    return [row["guild_id"] for row in rows]


async def known_servers(queries: Queries) -> set[int]:
    """Every server about which anything is kept."""
    rows = await queries.all(
        "SELECT guild_id FROM servers UNION SELECT guild_id FROM subscriptions UNION SELECT guild_id FROM deliveries"
        " UNION SELECT guild_id FROM follows"
    )
    return {row["guild_id"] for row in rows}


async def known_channels(queries: Queries, guild_id: int) -> list[int]:
    """The server's channels and threads in which somebody waits, something is to be posted, admins are told, or to
    which its account is relayed."""
    rows = await queries.all(
        "SELECT channel_id FROM subscriptions WHERE guild_id = ?1 AND ended_at IS NULL"
        f" UNION SELECT channel_id FROM deliveries WHERE guild_id = ?1 AND {IS_OPEN}"
        " UNION SELECT channel_id FROM follows WHERE guild_id = ?1"
        " UNION SELECT alerts_channel FROM servers WHERE guild_id = ?1 AND alerts_channel IS NOT NULL",
        (guild_id,),
    )
    return [row["channel_id"] for row in rows]


async def watched_jobs(queries: Queries, channel_id: int) -> list[int]:
    """The jobs for which somebody waits in this channel."""
    rows = await queries.all(
        "SELECT job_id FROM subscriptions WHERE channel_id = ? AND ended_at IS NULL", (channel_id,)
    )
    return [row["job_id"] for row in rows]


async def take_up_deliveries(tx: Transaction, guild_id: int, now: int) -> None:
    """What was to be posted in a server that is back is due now; the time away counts for no delivery's patience."""
    await tx.run(
        f"UPDATE deliveries SET next_at = ?, blocked_since = NULL WHERE guild_id = ? AND {IS_OPEN}",
        (now, guild_id),
    )


async def forget_server(tx: Transaction, guild_id: int) -> int | None:
    """Deletes all that is kept of a server, and its jobs where no other server knows them.

    Returns the account that it had set for itself, if any.
    """
    server = await tx.one("SELECT account_id FROM servers WHERE guild_id = ?", (guild_id,))
    rows = await tx.all("SELECT DISTINCT job_id FROM subscriptions WHERE guild_id = ?", (guild_id,))
    await tx.run("DELETE FROM deliveries WHERE guild_id = ?", (guild_id,))
    await tx.run("DELETE FROM subscriptions WHERE guild_id = ?", (guild_id,))
    await tx.run("DELETE FROM batches WHERE guild_id = ?", (guild_id,))
    await tx.run("DELETE FROM follows WHERE guild_id = ?", (guild_id,))
    for row in rows:
        await tx.run(
            "DELETE FROM jobs WHERE id = ? AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE job_id = jobs.id)",
            (row["job_id"],),
        )
    await tx.run("DELETE FROM servers WHERE guild_id = ?", (guild_id,))
    return None if server is None else server["account_id"]
