"""Queries about the outbox: what is due, what waits for a permission, and what became of outcomes and notices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from model.discord_ids import Shards
from model.job import OF_ONE_ACCOUNT, Outcome
from model.states import DeliveryKind, DeliveryState
from storage.database import Queries, found
from storage.deliveries import IS_OPEN, IS_OUTCOME, NOT_POSTED, SELECT, Delivery
from storage.engines.interface import Dialect, SqlValue
from storage.servers import in_shards

# ---- what is due ----------------------------------------------------------------------------------------------------


def _sent_by(dialect: Dialect, owner: str | None, shards: Shards | None) -> tuple[str, tuple[SqlValue, ...]]:
    """A condition and its parameters: the delivery is for a server of these shards (None: any), and no process other
    than `owner` is sending it."""
    where, held = in_shards(dialect, shards)
    return (where, held) if shards is None else (f"{where} AND (owner IS NULL OR owner = ?)", (*held, owner))


def _has_videos(dialect: Dialect) -> str:
    return f"""
    ({IS_OUTCOME} AND EXISTS (SELECT 1 FROM subscriptions s JOIN jobs j ON j.id = s.job_id
      WHERE s.id = deliveries.subscription_id AND j.outcome = '{Outcome.COMPLETED}'
      AND {dialect.json_length("j.snapshot", "media")} > 0))
    """


async def due_heads(
    queries: Queries,
    now: int,
    *,
    each: Literal["channel_id", "guild_id"] = "channel_id",
    but: Collection[int] = (),
    not_ids: Collection[int] = (),
    limit: int,
    no_videos_in: Collection[int] | None = (),
    no_videos_for: Collection[int] = (),
    shards: Shards | None = None,
    owner: str | None = None,
) -> list[Delivery]:
    """The most urgent delivery of each channel, or of each server, that may be sent now: outcomes, then notices, then
    cards; oldest first. `but` are the channels or servers of which none is wanted.

    Only deliveries for servers of these `shards` count, and only those that no process other than `owner` is sending.
    For the channels `no_videos_in` (None: all) and the servers `no_videos_for`, only deliveries that need no videos are
    returned. Very many may wait, so it reads no more rows than it needs.
    """
    among, list_of = queries.dialect.among, queries.dialect.list_of
    no_videos = "TRUE" if no_videos_in is None else f"({among('channel_id')} OR {among('guild_id')})"
    without = () if no_videos_in is None else (list_of(no_videos_in), list_of(no_videos_for))
    is_ours, owned = _sent_by(queries.dialect, owner, shards)
    heads: dict[int, Delivery] = {}
    page = 4 * limit
    while True:
        rows = await queries.all_as(
            Delivery,
            f"""
            {SELECT} {queries.dialect.using_index("deliveries_urgent")}
            WHERE {IS_OPEN} AND next_at <= ? AND NOT {among(each)}
            AND guild_id NOT IN (SELECT guild_id FROM servers WHERE gone_since IS NOT NULL)
            AND NOT {among("id")} AND {is_ours}
            AND NOT ({no_videos} AND {_has_videos(queries.dialect)})
            ORDER BY urgency, id LIMIT ?
            """,
            (now, list_of([*but, *heads]), list_of(not_ids), *owned, *without, page),
        )
        for delivery in rows:
            heads.setdefault(getattr(delivery, each), delivery)
        if len(rows) < page or len(heads) >= limit:
            return list(heads.values())[:limit]


async def next_due(queries: Queries, after: int, shards: Shards | None = None, owner: str | None = None) -> int | None:
    """When the next delivery becomes due after `after`, of those that `due_heads` considers; None if there is none."""
    is_ours, owned = _sent_by(queries.dialect, owner, shards)
    sql = f"SELECT min(next_at) FROM deliveries WHERE {IS_OPEN} AND next_at > ? AND {is_ours}"
    return await queries.value(sql, (after, *owned))


async def second_message_searches_due(queries: Queries, now: int, shards: Shards | None) -> list[Delivery]:
    """The deliveries for whose second message the history is to be searched now, in the servers of these shards (None:
    all)."""
    where, held = in_shards(queries.dialect, shards)
    sql = f"{SELECT} WHERE second_look_at <= ? AND {where} ORDER BY second_look_at, id LIMIT 100"
    return await queries.all_as(Delivery, sql, (now, *held))


async def messages_of_others(queries: Queries, delivery: Delivery, message_ids: Collection[int]) -> set[int]:
    """Those of the messages that belong to other deliveries than this one."""
    sql = f"SELECT message_id FROM deliveries WHERE guild_id = ? AND id <> ? AND {queries.dialect.among('message_id')}"
    return set(await queries.values(sql, (delivery.guild_id, delivery.id, queries.dialect.list_of(message_ids))))


async def has_future_times(queries: Queries, now: int, longest: int) -> bool:
    """Whether something was added, sent or refused later than now, or is deferred for more than `longest` milliseconds,
    which means that the clock was set back."""
    where = f"{IS_OPEN} AND (created_at > ?1 OR unanswered_at > ?1 OR blocked_since > ?1 OR next_at > ?2)"
    return await queries.one(f"SELECT 1 FROM deliveries WHERE {where} LIMIT 1", (now, now + longest)) is not None


# ---- of one subscription --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutcomeMessage:
    """The message of an outcome, and whether it is posted."""

    state: DeliveryState
    message_id: int | None


@dataclass(frozen=True, slots=True)
class OutcomeAddress:
    """The job of an outcome, and where its message is."""

    job_id: int
    guild_id: int
    channel_id: int
    watched_since: int
    """Since when its channel has waited for the job, in milliseconds UTC."""


async def of_subscription(
    queries: Queries, subscription_id: int, kind: DeliveryKind, job_round: int = 0
) -> Delivery | None:
    """The subscription's delivery of this kind and round, in whatever state."""
    sql = f"{SELECT} WHERE subscription_id = ? AND kind = ? AND round = ?"
    return await queries.one_as(Delivery, sql, (subscription_id, kind, job_round))


async def outcomes_of(queries: Queries, subscription_ids: Collection[int]) -> list[Delivery]:
    """Every outcome of these subscriptions, of any round and in whatever state; the latest last."""
    sql = f"{SELECT} WHERE {queries.dialect.among('subscription_id')} AND {IS_OUTCOME} ORDER BY id"
    return await queries.all_as(Delivery, sql, (queries.dialect.list_of(subscription_ids),))


async def outcome_message(queries: Queries, subscription_id: int, job_round: int) -> OutcomeMessage | None:
    """The message of a subscription's outcome of this round; the latest one if it was posted again."""
    return await queries.one_as(
        OutcomeMessage,
        f"""
        WITH first AS (SELECT id FROM deliveries
          WHERE subscription_id = ?1 AND kind = '{DeliveryKind.OUTCOME}' AND round = ?2)
        SELECT state, message_id FROM deliveries WHERE subscription_id = ?1 AND state <> '{DeliveryState.GIVEN_UP}'
        AND (id = (SELECT id FROM first) OR (kind = '{DeliveryKind.AGAIN}' AND id > (SELECT id FROM first)))
        ORDER BY state = '{DeliveryState.POSTED}' DESC, id DESC LIMIT 1
        """,
        (subscription_id, job_round),
    )


async def is_told_in_server(queries: Queries, guild_id: int, job_id: int) -> bool:
    """Whether the server got, or is to get, the outcome of the job's current round in any of its channels."""
    there = await queries.count(
        f"""
        deliveries d JOIN subscriptions s ON s.id = d.subscription_id JOIN jobs j ON j.id = s.job_id
        WHERE s.guild_id = ? AND s.job_id = ? AND d.kind = '{DeliveryKind.OUTCOME}' AND d.round = j.round
        """,
        (guild_id, job_id),
    )
    return there > 0


async def has_later_outcome(queries: Queries, delivery: Delivery) -> bool:
    """Whether the same subscription has got, or is to get, the outcome of a later round of its job."""
    where = f"subscription_id = ? AND kind = '{DeliveryKind.OUTCOME}' AND round > ?"
    return await queries.count(f"deliveries WHERE {where}", (delivery.subscription_id, delivery.round)) > 0


async def outcome_address(queries: Queries, base_nonce: str) -> OutcomeAddress | None:
    """The job of the outcome whose button carries this nonce."""
    return await queries.one_as(
        OutcomeAddress,
        f"""
        SELECT s.job_id, d.guild_id, d.channel_id, s.created_at AS watched_since
        FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
        WHERE d.base_nonce = ? AND {IS_OUTCOME}
        """,
        (base_nonce,),
    )


async def tells_of_another_account(queries: Queries, base_nonce: str, job_id: int) -> bool:
    """Whether an outcome with this nonce belongs to another account's job, and only says what that account can see,
    such as "not found".

    An outcome of an earlier round of that job counts too: only a job that ended like that can begin another round.
    """
    marks = ", ".join("?" * len(OF_ONE_ACCOUNT))
    there = await queries.count(
        f"""
        deliveries d JOIN subscriptions s ON s.id = d.subscription_id JOIN jobs j ON j.id = s.job_id
        WHERE d.base_nonce = ? AND j.id <> ? AND (j.outcome IN ({marks}) OR d.round < j.round)
        """,
        (base_nonce, job_id, *OF_ONE_ACCOUNT),
    )
    return there > 0


async def variants_in_batch(queries: Queries, batch_id: int) -> dict[int, str]:
    """The form of the latest outcome of each job of a batch, by subscription."""
    rows = await queries.all(
        """
        SELECT subscription_id, variant FROM deliveries
        WHERE subscription_id IN (SELECT id FROM subscriptions WHERE batch_id = ?) AND kind = ? ORDER BY id
        """,
        (batch_id, DeliveryKind.OUTCOME),
    )
    return {row["subscription_id"]: row["variant"] for row in rows}


# ---- what waits -----------------------------------------------------------------------------------------------------


async def open_among(queries: Queries, delivery_ids: Sequence[int]) -> set[int]:
    """Those of the deliveries that are neither settled nor dropped."""
    sql = f"SELECT id FROM deliveries WHERE {queries.dialect.among('id')} AND {IS_OPEN}"
    return set(await queries.values(sql, (queries.dialect.list_of(delivery_ids),)))


async def outcome_due(queries: Queries, channel_id: int, *, after: int, now: int) -> bool:
    """Whether an outcome that is still to be posted in this channel became due between these times."""
    where = f"channel_id = ? AND {IS_OPEN} AND {IS_OUTCOME} AND next_at BETWEEN ? AND ?"
    return await queries.one(f"SELECT 1 FROM deliveries WHERE {where} LIMIT 1", (channel_id, after, now)) is not None


_BLOCKED = f"{IS_OPEN} AND blocked_since IS NOT NULL"


async def blocked_in_channel(queries: Queries, channel_id: int, *, but: int) -> int:
    """How many other outcomes wait for a permission in this channel."""
    where = f"channel_id = ? AND id <> ? AND {IS_OUTCOME} AND {_BLOCKED}"
    return await queries.count(f"deliveries WHERE {where}", (channel_id, but))


async def is_channel_blocked(queries: Queries, channel_id: int) -> bool:
    """Whether any message waits for a permission in this channel."""
    return await queries.count(f"deliveries WHERE channel_id = ? AND {_BLOCKED}", (channel_id,)) > 0


async def outcomes_waiting(queries: Queries, channel_id: int) -> int:
    """How many outcomes wait to be posted in this channel."""
    return await queries.count(f"deliveries WHERE channel_id = ? AND {IS_OPEN} AND {IS_OUTCOME}", (channel_id,))


async def outcomes_posted_since(queries: Queries, channel_id: int, since: int) -> int:
    """How many outcomes were posted in this channel since that time."""
    where = f"channel_id = ? AND {IS_OUTCOME} AND state = ? AND settled_at >= ?"
    return await queries.count(f"deliveries WHERE {where}", (channel_id, DeliveryState.POSTED, since))


# ---- notices to admins ----------------------------------------------------------------------------------------------


async def latest_notice_about(queries: Queries, guild_id: int, channel_id: int, kind: str) -> Delivery | None:
    """The server's latest notice of this kind about this channel, wherever it was posted."""
    dialect = queries.dialect
    return await queries.one_as(
        Delivery,
        f"""
        {SELECT} WHERE guild_id = ? AND kind = '{DeliveryKind.NOTICE}' AND {dialect.json_text("notice", "kind")} = ?
        AND {dialect.json_number("notice", "channel_id")} = ? ORDER BY id DESC LIMIT 1
        """,
        (guild_id, kind, channel_id),
    )


async def alerts_not_over(
    queries: Queries, guild_ids: Collection[int], kinds: Collection[str], ends: Collection[str]
) -> list[Delivery]:
    """The notices of these kinds, posted or still to be posted, after which their server got no notice of a kind in
    `ends`; oldest first."""
    dialect = queries.dialect
    return await queries.all_as(
        Delivery,
        f"""
        {SELECT} d WHERE {dialect.among("d.guild_id", "?1")} AND d.kind = '{DeliveryKind.NOTICE}' AND NOT d.{NOT_POSTED}
        AND {dialect.among(dialect.json_text("d.notice", "kind"), "?2")}
        AND d.id > coalesce((SELECT max(o.id) FROM deliveries o WHERE o.guild_id = d.guild_id
          AND o.kind = '{DeliveryKind.NOTICE}' AND {dialect.among(dialect.json_text("o.notice", "kind"), "?3")}), 0)
        ORDER BY d.id
        """,
        (dialect.list_of(guild_ids), dialect.list_of(kinds), dialect.list_of(ends)),
    )


# ---- a server's outcomes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """An outcome with its job, for the list of a server's deliveries. Times are milliseconds UTC."""

    delivery_id: int
    subscription_id: int
    job_id: int
    guild_id: int
    channel_id: int
    message_id: int | None
    snapshot: str | None
    state: DeliveryState
    reason: str | None
    variant: str
    blocked_since: int | None
    next_at: int
    created_at: int
    settled_at: int | None


@dataclass(frozen=True, slots=True)
class OutcomePage:
    """Some of a server's outcomes."""

    records: tuple[OutcomeRecord, ...]
    skipped: int
    """How many outcomes come before these."""
    more: bool
    """Whether others come after these."""
    only_failed: bool = False
    """Whether posted and waiting outcomes were left out."""


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How many of a server's outcomes could not be posted, and how many still wait."""

    not_posted: int
    waiting: int
    waiting_since: int | None
    """When the oldest waiting outcome was added, milliseconds UTC."""


_OF_GUILD = f"d.guild_id = ? AND {IS_OUTCOME}"
_SELECT_RECORD = """
SELECT d.id AS delivery_id, d.subscription_id, s.job_id, d.guild_id, d.channel_id, d.message_id, j.snapshot, d.state,
  d.reason, d.variant, d.blocked_since, d.next_at, d.created_at, d.settled_at
FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id JOIN jobs j ON j.id = s.job_id
"""


async def outcome_page(
    queries: Queries, guild_id: int, *, skip: int, size: int, hopeless: Collection[str], only_failed: bool = False
) -> OutcomePage:
    """`size` outcomes after the first `skip`. Those that were not posted and can be sent again come first, then those
    that wait for a permission, then all others; the newest first. `hopeless`: reasons that rule out sending again."""
    which = f"{_OF_GUILD} AND {NOT_POSTED}" if only_failed else _OF_GUILD
    records = await queries.all_as(
        OutcomeRecord,
        f"""
        {_SELECT_RECORD} WHERE {which} ORDER BY
          CASE WHEN {NOT_POSTED} AND NOT {queries.dialect.among("reason")} THEN 0
          WHEN blocked_since IS NOT NULL THEN 1 ELSE 2 END,
          d.id DESC LIMIT ? OFFSET ?
        """,
        (guild_id, queries.dialect.list_of(hopeless), size + 1, skip),
    )
    return OutcomePage(tuple(records[:size]), skip, len(records) > size, only_failed)


async def outcome_of_guild(queries: Queries, guild_id: int, delivery_id: int) -> OutcomeRecord | None:
    """The server's outcome with this number."""
    return await queries.one_as(
        OutcomeRecord, f"{_SELECT_RECORD} WHERE {_OF_GUILD} AND d.id = ?", (guild_id, delivery_id)
    )


async def outcome_counts(queries: Queries, guild_id: int) -> OutcomeCounts:
    """Counts the server's outcomes."""
    row = await queries.one_as(
        OutcomeCounts,
        f"""
        SELECT count(*) FILTER (WHERE {NOT_POSTED}) AS not_posted, count(*) FILTER (WHERE {IS_OPEN}) AS waiting,
          min(created_at) FILTER (WHERE {IS_OPEN}) AS waiting_since
        FROM deliveries WHERE guild_id = ? AND {IS_OUTCOME}
        """,
        (guild_id,),
    )
    return found(row)


async def blocked_channels(queries: Queries, guild_id: int) -> list[int]:
    """The server's channels in which outcomes wait for a permission, the one that has waited longest first."""
    return await queries.values(
        f"""
        SELECT channel_id FROM deliveries WHERE guild_id = ? AND {IS_OUTCOME} AND {_BLOCKED}
        GROUP BY channel_id ORDER BY min(blocked_since), channel_id
        """,
        (guild_id,),
    )


async def latest_form(queries: Queries, guild_id: int, since: int) -> str:
    """The form of the latest outcome of a completed job that was posted in the server since that time; empty if there
    is none."""
    return (
        await queries.value(
            f"""
        SELECT d.variant FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
        JOIN jobs j ON j.id = s.job_id WHERE {_OF_GUILD} AND d.state = ? AND d.settled_at >= ? AND j.outcome = ?
        ORDER BY d.settled_at DESC, d.id DESC LIMIT 1
        """,
            (guild_id, DeliveryState.POSTED, since, Outcome.COMPLETED),
        )
        or ""
    )
