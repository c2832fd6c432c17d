"""Sending from the outbox: what is due, its claim before the request goes out, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Collection

from storage.database import Queries, Transaction
from storage.deliveries import COLUMNS, IS_OPEN, IS_OUTCOME, Delivery, from_row

_HAS_VIDEOS = (
    f"({IS_OUTCOME} AND EXISTS (SELECT 1 FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
    " WHERE s.id = deliveries.subscription_id AND j.outcome = 'completed'"
    " AND coalesce(json_array_length(CASE WHEN json_valid(j.snapshot) THEN j.snapshot END, '$.media'), 0) > 0))"
)
_SERVERS_GONE = "(SELECT guild_id FROM servers WHERE gone_since IS NOT NULL)"


async def claim(tx: Transaction, delivery_id: int, unanswered_at: int) -> Delivery | None:
    """Marks it as being sent, with the start of the first attempt that may have gone through unnoticed.

    To be committed before the request goes out. None where it is settled already, or dropped.
    """
    row = await tx.one(
        "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, unanswered_at = ?, look_first = 0"
        f" WHERE id = ? AND {IS_OPEN} RETURNING {COLUMNS}",
        (unanswered_at, delivery_id),
    )
    return None if row is None else from_row(row)


async def settle_posted(
    tx: Transaction,
    delivery_id: int,
    *,
    message_id: int | None,
    now: int,
    reason: str | None = None,
    variant: str | None = None,
) -> None:
    """The message stands in the channel; `message_id` is None where it was deleted there since, `variant` where nobody
    knows in which form."""
    await tx.run(
        "UPDATE deliveries SET state = 'posted', message_id = ?, reason = ?, settled_at = ?, unanswered_at = NULL,"
        " look_first = 0, blocked_since = NULL, variant = coalesce(?, variant) WHERE id = ?",
        (message_id, reason, now, variant, delivery_id),
    )


async def retry_at(
    tx: Transaction,
    delivery_id: int,
    *,
    next_at: int,
    unanswered_at: int | None,
    reason: str | None = None,
    blocked_since: int | None = None,
) -> None:
    """It is to be tried again from `next_at` on; `blocked_since` where a permission is missing."""
    await tx.run(
        "UPDATE deliveries SET state = 'waiting', next_at = ?, unanswered_at = ?, reason = ?, blocked_since = ?"
        f" WHERE id = ? AND {IS_OPEN}",
        (next_at, unanswered_at, reason, blocked_since, delivery_id),
    )


async def change_variant(
    tx: Transaction,
    delivery_id: int,
    *,
    variant: str,
    unanswered_at: int | None,
    look_first: bool,
    now: int,
    blocked_since: int | None = None,
) -> None:
    """It is to be sent at once, made up in another way; `blocked_since` where it still waits for a permission."""
    await tx.run(
        "UPDATE deliveries SET state = 'waiting', variant = ?, unanswered_at = ?, look_first = ?, next_at = ?,"
        f" blocked_since = ? WHERE id = ? AND {IS_OPEN}",
        (variant, unanswered_at, int(look_first), now, blocked_since, delivery_id),
    )


async def give_up(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """It is not sent any more, for this reason."""
    await tx.run(
        f"UPDATE deliveries SET state = 'given_up', reason = ?, settled_at = ? WHERE id = ? AND {IS_OPEN}",
        (reason, now, delivery_id),
    )


async def unsure(tx: Transaction, delivery_id: int, *, reason: str, now: int) -> None:
    """Nobody can know whether it was posted, so it is not sent again."""
    await tx.run(
        f"UPDATE deliveries SET state = 'unsure', reason = ?, settled_at = ? WHERE id = ? AND {IS_OPEN}",
        (reason, now, delivery_id),
    )


async def lead_notices_elsewhere(tx: Transaction, channel_id: int, kinds: Collection[str], now: int) -> int:
    """Sends the notices of these kinds that wait for this channel to the one in their server that asked last, unless
    an attempt may have been stored; returns how many."""
    elsewhere = (
        "SELECT channel_id FROM subscriptions s WHERE s.guild_id = deliveries.guild_id AND s.ended_at IS NULL"
        " AND s.channel_id <> ?1 ORDER BY s.id DESC LIMIT 1"
    )
    return await tx.run(
        f"UPDATE deliveries SET channel_id = ({elsewhere}), blocked_since = NULL, next_at = ?2"
        f" WHERE channel_id = ?1 AND kind = 'notice' AND {IS_OPEN} AND unanswered_at IS NULL"
        f" AND json_extract(notice, '$.kind') IN (SELECT value FROM json_each(?3)) AND ({elsewhere}) IS NOT NULL",
        (channel_id, now, json.dumps(sorted(kinds))),
    )


async def give_up_channel(tx: Transaction, channel_id: int, *, reason: str, now: int) -> list[int]:
    """Gives up everything that was to go to this channel; returns the subscriptions whose outcomes were among it."""
    rows = await tx.all(
        "UPDATE deliveries SET state = 'given_up', reason = ?, settled_at = ?"
        f" WHERE channel_id = ? AND {IS_OPEN} RETURNING subscription_id, {IS_OUTCOME} AS outcome",
        (reason, now, channel_id),
    )
    return [row["subscription_id"] for row in rows if row["outcome"]]


async def hurry(tx: Transaction, now: int, *, guild_id: int, channel_id: int | None = None) -> int:
    """Makes what waits for a permission due now: in one channel, or in the whole server; returns how many."""
    return await tx.run(
        "UPDATE deliveries SET next_at = ? WHERE state = 'waiting' AND blocked_since IS NOT NULL AND guild_id = ?"
        " AND (? IS NULL OR channel_id = ?)",
        (now, guild_id, channel_id, channel_id),
    )


async def clock_went_back(tx: Transaction, now: int) -> int:
    """Makes everything due that was put off by a clock that has been set back since; returns how many.

    How long ago an unanswered attempt was cannot be told any more, so its message is to be looked for.
    """
    return await tx.run(
        f"UPDATE deliveries SET next_at = min(next_at, ?), look_first = unanswered_at IS NOT NULL WHERE {IS_OPEN}"
        " AND (next_at > ? OR unanswered_at IS NOT NULL)",
        (now, now),
    )


async def is_of_the_future(q: Queries, now: int) -> bool:
    """Whether something was put in or sent later than now: the clock was set back."""
    row = await q.one(
        f"SELECT 1 FROM deliveries WHERE {IS_OPEN} AND max(created_at, coalesce(unanswered_at, 0)) > ?", (now,)
    )
    return row is not None


async def forget_message(tx: Transaction, delivery_id: int, *, reason: str) -> None:
    """The message was deleted in Discord."""
    await tx.run(
        "UPDATE deliveries SET message_id = NULL, reason = ? WHERE id = ?",
        (reason, delivery_id),
    )


async def due_heads(
    q: Queries,
    now: int,
    *,
    not_channels: Collection[int],
    not_ids: Collection[int],
    limit: int,
    no_videos_in: Collection[int] | None = (),
) -> list[Delivery]:
    """What may be sent now, the most urgent of each channel: outcomes, then notices, then cards; oldest first.

    Channels in `no_videos_in` (None: all) are to have nothing for which videos must be fetched. Reads no further than
    it has to: very many may wait.
    """
    no_videos = "1" if no_videos_in is None else "channel_id IN (SELECT value FROM json_each(?))"
    without = () if no_videos_in is None else (json.dumps(list(no_videos_in)),)
    heads: dict[int, Delivery] = {}
    page = 4 * limit
    while True:
        rows = await q.all(
            f"SELECT {COLUMNS} FROM deliveries INDEXED BY deliveries_urgent"
            f" WHERE {IS_OPEN} AND next_at <= ? AND channel_id NOT IN (SELECT value FROM json_each(?))"
            f" AND guild_id NOT IN {_SERVERS_GONE} AND id NOT IN (SELECT value FROM json_each(?))"
            f" AND NOT ({no_videos} AND {_HAS_VIDEOS}) ORDER BY urgency, id LIMIT ?",
            (now, json.dumps([*not_channels, *heads]), json.dumps(list(not_ids)), *without, page),
        )
        for delivery in map(from_row, rows):
            heads.setdefault(delivery.channel_id, delivery)
        if len(rows) < page or len(heads) >= limit:
            return list(heads.values())[:limit]


async def next_due(q: Queries, after: int) -> int | None:
    """When the next one is due that is not due at `after`; None where there is none."""
    row = await q.one(
        f"SELECT min(next_at) AS at FROM deliveries WHERE {IS_OPEN} AND next_at > ?",
        (after,),
    )
    return None if row is None else row["at"]


async def give_up_blocked(tx: Transaction, channel_id: int, *, before: int, reason: str, now: int) -> list[int]:
    """Gives up the channel's outcomes that have waited for a permission since `before` or longer; returns the
    subscriptions whose outcomes those were."""
    rows = await tx.all(
        "UPDATE deliveries SET state = 'given_up', reason = ?, settled_at = ? WHERE channel_id = ?"
        f" AND {IS_OPEN} AND {IS_OUTCOME} AND blocked_since <= ? RETURNING subscription_id",
        (reason, now, channel_id, before),
    )
    return [row["subscription_id"] for row in rows]
