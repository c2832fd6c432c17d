"""What cards, summaries and outcomes are built from: a subscription with its job, account, server and messages."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from model.discord_ids import Shards
from model.job import Outcome
from model.states import AccountState, CardStatus, DeliveryKind, Origin
from storage.database import Queries, Transaction
from storage.deliveries import ASKED_AGAIN, IS_OPEN
from storage.servers import in_shards
from storage.subscriptions import FORGOTTEN


@dataclass(frozen=True, slots=True)
class CardRow:
    """A subscription with everything that its messages show. Times are milliseconds UTC."""

    subscription_id: int
    guild_id: int
    channel_id: int
    batch_id: int | None
    spoiler: bool
    created_at: int
    ended_at: int | None
    stopped_by: int | None
    origin: Origin
    shown_at: int
    """When the card was last up to date; 0: never."""
    shown: str
    """What it said then: a CardStatus; empty: unknown."""
    card_final: bool
    job_id: int
    account_id: int
    jobid: str
    snapshot: str | None
    watched_since: int
    changed_at: int
    round: int
    job_ended_at: int | None
    outcome: Outcome | None
    account_state: AccountState
    account_since: int
    upload_limit: int | None
    upload_limit_at: int | None
    server_gone: bool
    """The server has removed the bot."""
    server_back_at: int
    """When the bot last came back to the server after the server had removed it; 0: never."""
    server_account_since: int
    """When the server last began to use another account; 0: never."""
    asker: int | None
    card_delivery: int | None
    card_message: int | None
    card_variant: str | None
    card_language: str | None


@dataclass(frozen=True, slots=True)
class BatchMessage:
    """A batch's summary as it was posted."""

    delivery_id: int
    message_id: int
    guild_id: int
    channel_id: int
    shown_at: int
    variant: str
    language: str


_SELECT = f"""
SELECT s.id AS subscription_id, s.guild_id, s.channel_id, s.batch_id, s.spoiler, s.created_at, s.ended_at, s.stopped_by,
  s.origin, s.shown_at, s.shown, s.card_final, j.id AS job_id, j.account_id, j.jobid, j.snapshot, j.watched_since,
  j.changed_at, j.round, j.ended_at AS job_ended_at, j.outcome,
  a.state AS account_state, a.state_since AS account_since, v.upload_limit, v.upload_limit_at,
  v.gone_since IS NOT NULL AS server_gone, coalesce(v.back_at, 0) AS server_back_at,
  coalesce(v.account_since, 0) AS server_account_since,
  (SELECT user_id FROM subscribers WHERE subscription_id = s.id AND user_id <> {FORGOTTEN}
    ORDER BY asked_at, user_id LIMIT 1) AS asker,
  d.id AS card_delivery, d.message_id AS card_message, d.variant AS card_variant, d.language AS card_language
FROM subscriptions s
JOIN jobs j ON j.id = s.job_id
JOIN accounts a ON a.id = j.account_id
LEFT JOIN servers v ON v.guild_id = s.guild_id
LEFT JOIN deliveries d ON d.subscription_id = s.id AND d.kind = '{DeliveryKind.CARD}'
"""

_ON_HOLD = (CardStatus.API_DOWN, CardStatus.PAUSED)
"""Statuses that may have ended with the process that wrote them. So a card that says one is checked after a start."""


async def of_subscription(queries: Queries, subscription_id: int) -> CardRow | None:
    """What this subscription's messages are built from."""
    return await queries.one_as(CardRow, f"{_SELECT} WHERE s.id = ?", (subscription_id,))


async def of_batch(queries: Queries, batch_id: int) -> list[CardRow]:
    """The subscriptions of a batch, in the order in which they were asked for."""
    return await queries.all_as(CardRow, f"{_SELECT} WHERE s.batch_id = ? ORDER BY s.id", (batch_id,))


async def running(queries: Queries, shown: Collection[CardStatus]) -> list[CardRow]:
    """The open subscriptions whose posted card says one of these."""
    where = f"s.ended_at IS NULL AND d.message_id IS NOT NULL AND {queries.dialect.among('s.shown')}"
    return await queries.all_as(CardRow, f"{_SELECT} WHERE {where} ORDER BY s.id", (queries.dialect.list_of(shown),))


# ---- which cards may have to look different: the newest first --------------------------------------------------------


async def of_job(queries: Queries, job_id: int, shards: Shards | None = None) -> list[int]:
    """The job's subscriptions, in the servers of these shards (None: all), whose card is not final."""
    where, held = in_shards(queries.dialect, shards)
    sql = f"SELECT id FROM subscriptions WHERE job_id = ? AND NOT card_final AND {where} ORDER BY 1 DESC"
    return await queries.values(sql, (job_id, *held))


async def of_account(queries: Queries, account_id: int, shards: Shards | None = None) -> list[int]:
    """The open subscriptions for jobs of an account, in the servers of these shards (None: all)."""
    where, held = in_shards(queries.dialect, shards, "s.guild_id")
    return await queries.values(
        f"""
        SELECT s.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE j.account_id = ? AND s.ended_at IS NULL AND {where} ORDER BY 1 DESC
        """,
        (account_id, *held),
    )


async def all_open(queries: Queries, shards: Shards | None = None) -> list[int]:
    """Every open subscription in the servers of these shards (None: all)."""
    where, held = in_shards(queries.dialect, shards)
    return await queries.values(
        f"SELECT id FROM subscriptions WHERE ended_at IS NULL AND {where} ORDER BY 1 DESC", held
    )


async def outdated(queries: Queries, now: int, shards: Shards | None = None) -> list[int]:
    """The subscriptions, in the servers of these shards (None: all), whose card is not up to date or lacks its last
    edit. After the clock was set back, also those whose card was edited at a time that is now in the future."""
    where, held = in_shards(queries.dialect, shards, "s.guild_id")
    return await queries.values(
        f"""
        SELECT s.id FROM subscriptions s JOIN jobs j ON j.id = s.job_id JOIN accounts a ON a.id = j.account_id
        JOIN deliveries d ON d.subscription_id = s.id AND d.kind = '{DeliveryKind.CARD}' AND d.message_id IS NOT NULL
        WHERE NOT s.card_final AND (s.ended_at IS NOT NULL OR j.changed_at > s.shown_at
          OR a.state_since > s.shown_at OR s.shown_at > ? OR {queries.dialect.among("s.shown")}) AND {where}
        ORDER BY 1 DESC
        """,
        (now, queries.dialect.list_of(_ON_HOLD), *held),
    )


_BATCH_CHANGED = """
s.ended_at > {shown_at} OR (s.ended_at IS NULL AND j.changed_at > {shown_at})
OR EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.settled_at > {shown_at})
"""


async def outdated_batches(queries: Queries, now: int) -> list[int]:
    """The batches whose summary may not be up to date. After the clock was set back, also those whose summary was
    edited at a time that is now in the future."""
    return await queries.values(
        f"""
        SELECT DISTINCT b.id FROM batches b JOIN subscriptions s ON s.batch_id = b.id JOIN jobs j ON j.id = s.job_id
        JOIN accounts a ON a.id = j.account_id
        WHERE {_BATCH_CHANGED.format(shown_at="b.shown_at")} OR (s.ended_at IS NULL AND a.state_since > b.shown_at)
        OR b.shown_at > ?
        ORDER BY 1 DESC
        """,
        (now,),
    )


async def is_batch_outdated(queries: Queries, batch_id: int, shown_at: int) -> bool:
    """Whether anything about the batch, whose jobs have all ended, has changed since `shown_at`."""
    row = await queries.one(
        f"""
        SELECT 1 FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.batch_id = ?1 AND ({_BATCH_CHANGED.format(shown_at="?2")}) LIMIT 1
        """,
        (batch_id, shown_at),
    )
    return row is not None


async def batch_message(queries: Queries, batch_id: int) -> BatchMessage | None:
    """A batch's summary; None if it is not posted yet, was deleted, or the server has removed the bot."""
    return await queries.one_as(
        BatchMessage,
        """
        SELECT d.id AS delivery_id, d.message_id, d.guild_id, d.channel_id, b.shown_at, d.variant, d.language
        FROM batches b JOIN deliveries d ON d.batch_id = b.id AND d.kind = ?
        WHERE b.id = ? AND d.message_id IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM servers v WHERE v.guild_id = b.guild_id AND v.gone_since IS NOT NULL)
        """,
        (DeliveryKind.SUMMARY, batch_id),
    )


# ---- which are still edited -----------------------------------------------------------------------------------------


async def not_final_among(queries: Queries, subscription_ids: Sequence[int], shards: Shards | None) -> set[int]:
    """Those of the subscriptions, in the servers of these shards (None: all), whose card is not final."""
    where, held = in_shards(queries.dialect, shards)
    sql = f"SELECT id FROM subscriptions WHERE {queries.dialect.among('id')} AND NOT card_final AND {where}"
    return set(await queries.values(sql, (queries.dialect.list_of(subscription_ids), *held)))


async def not_final_batches_among(queries: Queries, batch_ids: Sequence[int], shards: Shards | None) -> set[int]:
    """Those of the batches, in the servers of these shards (None: all), that have not ended or still have an outcome to
    be posted."""
    where, held = in_shards(queries.dialect, shards, "b.guild_id")
    ids = await queries.values(
        f"""
        SELECT b.id FROM batches b WHERE {queries.dialect.among("b.id")} AND {where} AND (b.ended_at IS NULL
          OR EXISTS (SELECT 1 FROM subscriptions s JOIN deliveries d ON d.subscription_id = s.id
            WHERE s.batch_id = b.id AND d.{IS_OPEN}))
        """,
        (queries.dialect.list_of(batch_ids), *held),
    )
    return set(ids)


# ---- writing --------------------------------------------------------------------------------------------------------


async def mark_shown(
    tx: Transaction, subscription_id: int, *, at: int, shown: CardStatus, final: bool, is_seen: bool = True
) -> None:
    """Stores what the card says. If `final`, it is not edited again unless its job is watched again.

    A card in doubt stays in doubt while somebody waits for its job, unless Discord has just confirmed that the card is
    there (`is_seen`).
    """
    doubted = "" if is_seen else f" AND (shown_at <> {ASKED_AGAIN} OR ended_at IS NOT NULL)"
    await tx.run(
        f"UPDATE subscriptions SET shown_at = ?, shown = ?, card_final = ? WHERE id = ?{doubted}",
        (at, shown, final, subscription_id),
    )


async def mark_batch_shown(tx: Transaction, batch_id: int, at: int) -> None:
    """Stores that the summary was up to date at this time."""
    await tx.run("UPDATE batches SET shown_at = ? WHERE id = ?", (at, batch_id))


_OF_SERVER = "guild_id = ?"
_WITHOUT_OWN_ACCOUNT = "guild_id NOT IN (SELECT guild_id FROM servers WHERE account_id IS NOT NULL)"


async def account_changed(tx: Transaction, account_id: int | None, *, guild_id: int | None = None) -> None:
    """Notes which cards and summaries are out of date, because a server uses this account from now on (None: no account
    any more). If the process ends before it has edited them, they are edited after the next start.

    `guild_id` is None for all servers without an account of their own.
    """
    where, server = (_WITHOUT_OWN_ACCOUNT, ()) if guild_id is None else (_OF_SERVER, (guild_id,))
    await tx.run(
        f"""
        UPDATE subscriptions SET shown_at = 0 WHERE shown_at > 0 AND ended_at IS NULL AND {where}
        AND (shown = '{CardStatus.OTHER_ACCOUNT}') = (job_id IN (SELECT id FROM jobs WHERE account_id = ?))
        """,
        (*server, account_id),
    )
    await tx.run(f"UPDATE batches SET shown_at = 0 WHERE ended_at IS NULL AND {where}", server)
