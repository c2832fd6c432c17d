"""Subscriptions: one row for each (job, channel) that was ever asked for; who asked, and what waits for an account."""

from __future__ import annotations

from dataclasses import dataclass

from model.states import DeliveryKind, DeliveryState, Origin
from storage import deliveries
from storage.database import Queries, Transaction, columns

FORGOTTEN = 0
"""Stands for a person who asked to be forgotten, in columns that must still say that there was one."""


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as it is stored; times in milliseconds UTC."""

    id: int
    job_id: int
    guild_id: int
    channel_id: int
    batch_id: int | None
    spoiler: bool
    created_at: int
    ended_at: int | None
    stopped_by: int | None
    """Who stopped it, FORGOTTEN if they asked to be forgotten; None: it is open, or ended otherwise."""
    origin: Origin

    @property
    def followed(self) -> bool:
        """Whether it came from a follow, and so stays open when nobody asks for it."""
        return self.origin is not Origin.ASKED


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A person who waits for a job in a channel."""

    user_id: int
    mention: bool
    in_batch: bool


@dataclass(frozen=True, slots=True)
class WaitingServer:
    """A server that waits for jobs of the account that it uses."""

    guild_id: int
    channel_id: int
    """Where notices to its admins go: the alerts channel, or else the channel that asked last."""
    token_set_by: int | None
    jobs: int


_SELECT = f"SELECT {columns(SubscriptionRow)} FROM subscriptions"

# ---- reading --------------------------------------------------------------------------------------------------------


async def by_id(queries: Queries, subscription_id: int) -> SubscriptionRow | None:
    """The subscription with this id."""
    return await queries.one_as(SubscriptionRow, f"{_SELECT} WHERE id = ?", (subscription_id,))


async def in_channel(queries: Queries, job_id: int, channel_id: int) -> SubscriptionRow | None:
    """The channel's subscription for the job, open or ended."""
    sql = f"{_SELECT} WHERE job_id = ? AND channel_id = ?"
    return await queries.one_as(SubscriptionRow, sql, (job_id, channel_id))


async def in_channel_by_jobid(queries: Queries, guild_id: int, channel_id: int, jobid: str) -> list[SubscriptionRow]:
    """The channel's subscriptions for jobs with this id, under whatever account; open ones first."""
    return await queries.all_as(
        SubscriptionRow,
        f"""
        {_SELECT} WHERE channel_id = ? AND guild_id = ? AND job_id IN (SELECT id FROM jobs WHERE jobid = ?)
        ORDER BY ended_at IS NOT NULL, id DESC
        """,
        (channel_id, guild_id, jobid),
    )


async def in_channel_by_number(queries: Queries, guild_id: int, channel_id: int, job_id: int) -> SubscriptionRow | None:
    """The channel's subscription for the job with this number or for another one with the same id; an open one if there
    is any, then that of the number itself."""
    return await queries.one_as(
        SubscriptionRow,
        f"""
        {_SELECT} WHERE channel_id = ?1 AND guild_id = ?2
        AND job_id IN (SELECT j.id FROM jobs named JOIN jobs j ON j.jobid = named.jobid WHERE named.id = ?3)
        ORDER BY ended_at IS NOT NULL, job_id = ?3 DESC, id DESC LIMIT 1
        """,
        (channel_id, guild_id, job_id),
    )


async def jobs_in_channel(queries: Queries, channel_id: int) -> list[int]:
    """The jobs that this channel waits for."""
    return await queries.values(
        "SELECT job_id FROM subscriptions WHERE channel_id = ? AND ended_at IS NULL", (channel_id,)
    )


async def open_of_job(queries: Queries, job_id: int) -> list[SubscriptionRow]:
    """The job's open subscriptions, oldest first."""
    sql = f"{_SELECT} WHERE job_id = ? AND ended_at IS NULL ORDER BY id"
    return await queries.all_as(SubscriptionRow, sql, (job_id,))


async def open_of_batch(queries: Queries, batch_id: int) -> list[SubscriptionRow]:
    """The batch's open subscriptions, oldest first."""
    sql = f"{_SELECT} WHERE batch_id = ? AND ended_at IS NULL ORDER BY id"
    return await queries.all_as(SubscriptionRow, sql, (batch_id,))


async def ended_jobs_with_open(queries: Queries, account_id: int) -> list[int]:
    """The account's ended jobs that somebody still waits for, because the subscription was on hold when the job
    ended."""
    return await queries.values(
        """
        SELECT DISTINCT j.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.ended_at IS NULL AND j.ended_at IS NOT NULL AND j.account_id = ? ORDER BY j.id
        """,
        (account_id,),
    )


async def accounts_with_held(queries: Queries) -> list[int]:
    """The accounts for which `ended_jobs_with_open` finds something."""
    return await queries.values(
        """
        SELECT DISTINCT j.account_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.ended_at IS NULL AND j.ended_at IS NOT NULL
        """
    )


async def count_open_of_person(queries: Queries, user_id: int) -> int:
    """How many open subscriptions a person waits for, in all servers."""
    return await queries.count(
        """
        subscribers p JOIN subscriptions s ON s.id = p.subscription_id
        WHERE p.user_id = ? AND s.ended_at IS NULL
        """,
        (user_id,),
    )


async def count_open_of_guild(queries: Queries, guild_id: int) -> int:
    """How many open subscriptions a server has."""
    return await queries.count("subscriptions WHERE guild_id = ? AND ended_at IS NULL", (guild_id,))


async def count_waiting_in_server(queries: Queries, guild_id: int, account_id: int) -> int:
    """How many of the account's jobs the server waits for."""
    return await queries.count(
        """
        (SELECT DISTINCT s.job_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.guild_id = ? AND s.ended_at IS NULL AND j.account_id = ?) AS waiting
        """,
        (guild_id, account_id),
    )


async def other_account(queries: Queries, guild_id: int, account_id: int) -> int | None:
    """Another account than this one whose jobs the server waits for (the one asked for last), or that it follows."""
    waited_for = await queries.value(
        """
        SELECT j.account_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.guild_id = ?1 AND s.ended_at IS NULL AND j.account_id <> ?2 ORDER BY s.id DESC LIMIT 1
        """,
        (guild_id, account_id),
    )
    if waited_for is not None:
        return int(waited_for)
    sql = "SELECT account_id FROM follows WHERE guild_id = ? AND account_id <> ? LIMIT 1"
    return await queries.value(sql, (guild_id, account_id))


async def waiting_servers(
    queries: Queries, account_id: int, operator_id: int | None, *, with_alerts_channel: bool = False
) -> list[WaitingServer]:
    """The servers that use this account and wait for its jobs, or follow it.

    `operator_id` is the account that servers without an own account use. `with_alerts_channel` includes servers that
    wait for nothing but have an alerts channel.
    """
    return await queries.all_as(
        WaitingServer,
        """
        WITH waiting AS (
          SELECT s.guild_id, count(DISTINCT s.job_id) AS jobs, max(s.id) AS newest
          FROM subscriptions s JOIN jobs j ON j.id = s.job_id
          WHERE s.ended_at IS NULL AND j.account_id = ?1 GROUP BY s.guild_id
        ), following AS (
          SELECT guild_id, min(channel_id) AS channel_id FROM follows WHERE account_id = ?1 GROUP BY guild_id
        ), concerned AS (
          SELECT guild_id FROM waiting UNION SELECT guild_id FROM following UNION
          SELECT guild_id FROM servers WHERE account_id = ?1 AND alerts_channel IS NOT NULL AND ?3
        )
        SELECT c.guild_id, coalesce(v.alerts_channel, n.channel_id, f.channel_id) AS channel_id, v.token_set_by,
          coalesce(w.jobs, 0) AS jobs
        FROM concerned c
        LEFT JOIN waiting w ON w.guild_id = c.guild_id
        LEFT JOIN following f ON f.guild_id = c.guild_id
        LEFT JOIN subscriptions n ON n.id = w.newest
        LEFT JOIN servers v ON v.guild_id = c.guild_id
        WHERE coalesce(v.account_id, ?2) = ?1 AND v.gone_since IS NULL ORDER BY c.guild_id
        """,
        (account_id, operator_id, with_alerts_channel),
    )


# ---- writing --------------------------------------------------------------------------------------------------------


async def add(
    tx: Transaction, *, job_id: int, guild_id: int, channel_id: int, batch_id: int | None, spoiler: bool, now: int
) -> int:
    """Adds an open subscription; returns its id."""
    return await tx.insert(
        "subscriptions",
        job_id=job_id,
        guild_id=guild_id,
        channel_id=channel_id,
        batch_id=batch_id,
        spoiler=spoiler,
        created_at=now,
    )


async def reopen(
    tx: Transaction,
    subscription_id: int,
    *,
    batch_id: int | None,
    spoiler: bool,
    now: int,
    origin: Origin = Origin.ASKED,
) -> None:
    """Opens an ended subscription as if it were new; its card is to be shown again.

    Those who waited before wait no longer, unless they have got no outcome: it is still to be posted, or was given up.
    Their batch's end may have been part of it, so they are pinged with the next one.
    """
    await tx.run(
        f"""
        DELETE FROM subscribers WHERE subscription_id = ?1 AND (
          EXISTS (SELECT 1 FROM subscriptions WHERE id = ?1 AND stopped_by IS NOT NULL)
          OR coalesce((SELECT state FROM deliveries WHERE subscription_id = ?1 AND kind = '{DeliveryKind.OUTCOME}'
            ORDER BY round DESC, id DESC LIMIT 1), ?2) IN (?2, ?3))
        """,
        (subscription_id, DeliveryState.POSTED, DeliveryState.UNSURE),
    )
    await tx.run("UPDATE subscribers SET in_batch = FALSE WHERE subscription_id = ?", (subscription_id,))
    await tx.run(
        """
        UPDATE subscriptions SET ended_at = NULL, stopped_by = NULL, origin = ?, batch_id = ?, spoiler = ?,
          created_at = ?, shown_at = ?, card_final = FALSE
        WHERE id = ?
        """,
        (origin, batch_id, spoiler, now, deliveries.ASKED_AGAIN, subscription_id),
    )


async def doubt_card(tx: Transaction, subscription_id: int) -> None:
    """Puts the card in doubt, because somebody asks for the job again: if it turns out to be deleted, another one is
    posted."""
    await tx.run("UPDATE subscriptions SET shown_at = ? WHERE id = ?", (deliveries.ASKED_AGAIN, subscription_id))


async def end(tx: Transaction, subscription_id: int, now: int) -> None:
    """Ends a subscription because its job has ended."""
    await tx.run("UPDATE subscriptions SET ended_at = ? WHERE id = ? AND ended_at IS NULL", (now, subscription_id))


async def end_in_channel(tx: Transaction, channel_id: int, now: int) -> list[int]:
    """Ends the open subscriptions and batches of a channel that is gone; returns the subscriptions."""
    ended = await tx.values(
        """
        UPDATE subscriptions SET ended_at = ?, card_final = TRUE WHERE channel_id = ? AND ended_at IS NULL
        RETURNING id
        """,
        (now, channel_id),
    )
    await tx.run("UPDATE batches SET ended_at = ? WHERE channel_id = ? AND ended_at IS NULL", (now, channel_id))
    return ended


async def stop(tx: Transaction, subscription_id: int, user_id: int, now: int) -> None:
    """Ends a subscription because this person stopped it."""
    await tx.run(
        "UPDATE subscriptions SET ended_at = ?, stopped_by = ? WHERE id = ? AND ended_at IS NULL",
        (now, user_id, subscription_id),
    )


async def stop_of_account(
    tx: Transaction, guild_id: int, account_id: int, user_id: int, now: int
) -> dict[int, int | None]:
    """Ends the server's open subscriptions for the account's jobs because this person stopped them, and drops cards
    that were never sent; returns the batch, if any, of each subscription."""
    rows = await tx.all(
        """
        SELECT s.id, s.batch_id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.guild_id = ? AND s.ended_at IS NULL AND j.account_id = ? ORDER BY s.id
        """,
        (guild_id, account_id),
    )
    for row in rows:
        await stop(tx, row["id"], user_id, now)
        await deliveries.drop_waiting_card(tx, row["id"])
    return {row["id"]: row["batch_id"] for row in rows}


async def subscribers(queries: Queries, subscription_id: int) -> list[Subscriber]:
    """The people who wait, in the order in which they asked; without those who asked to be forgotten."""
    sql = f"""
        SELECT {columns(Subscriber)} FROM subscribers WHERE subscription_id = ? AND user_id <> {FORGOTTEN}
        ORDER BY asked_at, user_id
        """
    return await queries.all_as(Subscriber, sql, (subscription_id,))


async def count_subscribers(queries: Queries, subscription_id: int) -> int:
    """How many people wait. All who asked to be forgotten count as one."""
    return await queries.count("subscribers WHERE subscription_id = ?", (subscription_id,))


async def put_subscriber(
    tx: Transaction, subscription_id: int, user_id: int, *, mention: bool, in_batch: bool, now: int
) -> None:
    """Adds a person who waits. If they wait already, stores what they asked for last."""
    await tx.run(
        """
        INSERT INTO subscribers (subscription_id, user_id, mention, in_batch, asked_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (subscription_id, user_id)
        DO UPDATE SET mention = excluded.mention, in_batch = excluded.in_batch
        """,
        (subscription_id, user_id, mention, in_batch, now),
    )


async def set_mention(tx: Transaction, subscription_id: int, user_id: int, mention: bool) -> bool:
    """Stores whether a person who waits is to be pinged; False if they do not wait."""
    sql = "UPDATE subscribers SET mention = ? WHERE subscription_id = ? AND user_id = ?"
    return await tx.run(sql, (mention, subscription_id, user_id)) > 0


async def set_spoiler(tx: Transaction, subscription_id: int) -> None:
    """Has the outcome posted behind spoilers."""
    await tx.run("UPDATE subscriptions SET spoiler = TRUE WHERE id = ?", (subscription_id,))


async def remove_subscriber(tx: Transaction, subscription_id: int, user_id: int) -> None:
    """Removes a person who waits."""
    await tx.run("DELETE FROM subscribers WHERE subscription_id = ? AND user_id = ?", (subscription_id, user_id))
