"""Follows: channels that get every job of their server's own account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from model.states import Origin
from storage.database import Queries, Transaction, columns


@dataclass(frozen=True, slots=True)
class FollowRow:
    """A follow as it is stored; times in milliseconds UTC."""

    guild_id: int
    channel_id: int
    account_id: int
    progress: bool
    """Whether cards are shown while a job runs."""
    followed_by: int | None
    """Who asked for it; None once they asked to be forgotten."""
    created_at: int


_NO_LIMIT = 2**62
_SELECT = f"SELECT {columns(FollowRow)} FROM follows"


async def every(queries: Queries) -> list[FollowRow]:
    """All follows."""
    return await queries.all_as(FollowRow, f"{_SELECT} ORDER BY guild_id, channel_id")


async def of_guild(queries: Queries, guild_id: int) -> list[FollowRow]:
    """A server's follows, including those of accounts that it no longer uses; oldest first."""
    sql = f"{_SELECT} WHERE guild_id = ? ORDER BY created_at, channel_id"
    return await queries.all_as(FollowRow, sql, (guild_id,))


async def of_account(queries: Queries, account_id: int) -> list[FollowRow]:
    """The follows of an account; oldest first."""
    sql = f"{_SELECT} WHERE account_id = ? ORDER BY created_at, guild_id, channel_id"
    return await queries.all_as(FollowRow, sql, (account_id,))


async def of_channel(queries: Queries, guild_id: int, channel_id: int) -> FollowRow | None:
    """The channel's follow, if it has one."""
    sql = f"{_SELECT} WHERE guild_id = ? AND channel_id = ?"
    return await queries.one_as(FollowRow, sql, (guild_id, channel_id))


async def count(queries: Queries, guild_id: int, account_id: int) -> int:
    """How many of the server's channels follow the account."""
    return await queries.count("follows WHERE guild_id = ? AND account_id = ?", (guild_id, account_id))


async def put(tx: Transaction, follow: FollowRow) -> None:
    """Stores a follow, in place of one that the channel may have."""
    await tx.run(
        f"""
        INSERT INTO follows ({columns(FollowRow)}) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (guild_id, channel_id) DO UPDATE SET account_id = excluded.account_id,
          progress = excluded.progress, followed_by = excluded.followed_by, created_at = excluded.created_at
        """,
        astuple(follow),
    )


async def remove(tx: Transaction, guild_id: int, channel_id: int) -> bool:
    """Ends a channel's follow; returns whether it had one."""
    return await tx.run("DELETE FROM follows WHERE guild_id = ? AND channel_id = ?", (guild_id, channel_id)) > 0


async def remove_of_account(tx: Transaction, guild_id: int, account_id: int) -> tuple[int, ...]:
    """Ends a server's follows of an account; returns their channels."""
    sql = "DELETE FROM follows WHERE guild_id = ? AND account_id = ? RETURNING channel_id"
    return tuple(sorted(await tx.values(sql, (guild_id, account_id))))


async def not_yet_in(queries: Queries, follow: FollowRow, jobids: Sequence[str]) -> list[str]:
    """Those of `jobids` that were never watched in the follow's channel and have not ended, in the same order."""
    known = set(
        await queries.values(
            f"""
            SELECT j.jobid FROM jobs j WHERE j.account_id = ? AND {queries.dialect.among("j.jobid")}
            AND (j.ended_at IS NOT NULL OR EXISTS
              (SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND s.channel_id = ?))
            """,
            (follow.account_id, queries.dialect.list_of(jobids), follow.channel_id),
        )
    )
    return [jobid for jobid in jobids if jobid not in known]


async def add_subscription(
    tx: Transaction, follow: FollowRow, job_id: int, *, max_open: int = _NO_LIMIT, now: int
) -> int | None:
    """Adds an open subscription of the follow's channel; returns its id. None if the server has `max_open` open ones
    already, or if the channel has one for the job, open or ended."""
    return await tx.value(
        """
        INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at, origin) SELECT ?1, ?2, ?3, ?4, ?5
        WHERE (SELECT count(*) FROM subscriptions WHERE guild_id = ?2 AND ended_at IS NULL) < ?6
        ON CONFLICT (job_id, channel_id) DO NOTHING RETURNING id
        """,
        (
            job_id,
            follow.guild_id,
            follow.channel_id,
            now,
            Origin.FOLLOWED_WITH_CARD if follow.progress else Origin.FOLLOWED,
            max_open,
        ),
    )


async def show_card(tx: Transaction, subscription_id: int) -> None:
    """From now on a card is shown for a job that came from a follow without cards."""
    await tx.run(
        "UPDATE subscriptions SET origin = ? WHERE id = ? AND origin = ?",
        (Origin.FOLLOWED_WITH_CARD, subscription_id, Origin.FOLLOWED),
    )


async def keep_open_if_followed(tx: Transaction, subscription_id: int) -> bool:
    """Returns whether a subscription stays open although nobody asks for it any more: because it came from a follow, or
    because its channel follows the job's account. In the second case it counts as coming from the follow from now
    on."""
    return (
        await tx.run(
            """
            UPDATE subscriptions SET origin = CASE WHEN origin = ?1 THEN ?2 ELSE origin END WHERE id = ?3
            AND (origin <> ?1 OR EXISTS (SELECT 1 FROM follows f JOIN jobs j ON j.account_id = f.account_id
              WHERE j.id = subscriptions.job_id AND f.guild_id = subscriptions.guild_id
              AND f.channel_id = subscriptions.channel_id))
            """,
            (Origin.ASKED, Origin.FOLLOWED_WITH_CARD, subscription_id),
        )
        > 0
    )


async def is_followed(queries: Queries, subscription_id: int) -> bool:
    """Whether the subscription's channel follows its job's account."""
    there = await queries.count(
        """
        subscriptions s JOIN jobs j ON j.id = s.job_id
        JOIN follows f ON f.account_id = j.account_id AND f.guild_id = s.guild_id AND f.channel_id = s.channel_id
        WHERE s.id = ?
        """,
        (subscription_id,),
    )
    return there > 0


async def running_in(queries: Queries, guild_id: int, channel_id: int) -> int:
    """How many jobs the channel waits for that came from a follow."""
    where = "guild_id = ? AND channel_id = ? AND ended_at IS NULL AND origin <> ?"
    return await queries.count(f"subscriptions WHERE {where}", (guild_id, channel_id, Origin.ASKED))
