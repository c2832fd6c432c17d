"""The outbox: every message that is to be posted exactly once, and what became of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from storage.database import Queries, SqlValue, Transaction

CARD = "card"
SUMMARY = "summary"
NOTICE = "notice"
OUTCOME = "outcome"

COLUMNS = (
    "id, kind, subscription_id, batch_id, notice, guild_id, channel_id, base_nonce, variant, closes_batch, state, "
    "attempts, unanswered_at, look_first, blocked_since, next_at, message_id, reason, created_at, settled_at"
)
IS_OPEN = "state IN ('waiting', 'sending')"
IS_OUTCOME = "(kind = 'outcome' OR kind LIKE 'outcome-%' OR kind LIKE 'again-%')"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox; see storage/migrations for what each field means. Times are milliseconds UTC."""

    id: int
    kind: str
    subscription_id: int | None
    batch_id: int | None
    notice: str | None
    guild_id: int
    channel_id: int
    base_nonce: str
    variant: str
    closes_batch: bool
    state: str
    attempts: int
    unanswered_at: int | None
    look_first: bool
    blocked_since: int | None
    next_at: int
    message_id: int | None
    reason: str | None
    created_at: int
    settled_at: int | None

    @property
    def open(self) -> bool:
        """Whether it may still be sent."""
        return self.state in ("waiting", "sending")

    @property
    def is_outcome(self) -> bool:
        """Whether it carries a job's end, for the first time or again."""
        return self.kind == OUTCOME or self.kind.startswith(("outcome-", "again-"))


# ---- putting in -----------------------------------------------------------------------------------------------------
#
# The nonce names the message for all time: the job's id, the channel and the kind are in it. So where the same job id
# is watched under two accounts in one channel, both mean the same message: the row then goes over to the subscription
# that asked last, and nothing is posted twice.


async def add_outcome(
    tx: Transaction,
    *,
    subscription_id: int,
    kind: str,
    guild_id: int,
    channel_id: int,
    base_nonce: str,
    closes_batch: bool,
    now: int,
) -> int:
    """Puts a job's end (`outcome`, `outcome-<round>`, `again-<answer>`) into the outbox; returns the row's id.

    One that is there already is not added again; one that was given up is tried once more.
    """
    found = await _adopt(tx, base_nonce, subscription_id)
    if found is not None:
        await send_again(tx, found, now)
        return found
    return await tx.insert(
        "INSERT INTO deliveries (kind, subscription_id, guild_id, channel_id, base_nonce, closes_batch, next_at,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            kind,
            subscription_id,
            guild_id,
            channel_id,
            base_nonce,
            int(closes_batch),
            now,
            now,
        ),
    )


async def add_card(
    tx: Transaction,
    *,
    subscription_id: int,
    guild_id: int,
    channel_id: int,
    base_nonce: str,
    now: int,
) -> int:
    """Puts a subscription's card into the outbox; returns the row's id.

    One that is there already is not added again; one that was given up, or whose message was deleted, is posted anew.
    """
    found = await _adopt(tx, base_nonce, subscription_id)
    if found is None:
        return await tx.insert(
            "INSERT INTO deliveries (kind, subscription_id, guild_id, channel_id, base_nonce, next_at, created_at)"
            " VALUES ('card', ?, ?, ?, ?, ?, ?)",
            (subscription_id, guild_id, channel_id, base_nonce, now, now),
        )
    await send_again(tx, found, now)
    await tx.run(
        f"UPDATE deliveries SET {_AFRESH} WHERE id = ? AND state = 'posted' AND message_id IS NULL",
        (now, found),
    )
    return found


async def add_summary(
    tx: Transaction,
    *,
    batch_id: int,
    guild_id: int,
    channel_id: int,
    base_nonce: str,
    now: int,
) -> int:
    """Puts a batch's summary into the outbox; returns the row's id. Done again, it changes nothing."""
    found = await _by_nonce(tx, base_nonce)
    if found is not None:
        return found
    return await tx.insert(
        "INSERT INTO deliveries (kind, batch_id, guild_id, channel_id, base_nonce, next_at, created_at)"
        " VALUES ('summary', ?, ?, ?, ?, ?, ?)",
        (batch_id, guild_id, channel_id, base_nonce, now, now),
    )


async def add_notice(
    tx: Transaction,
    *,
    guild_id: int,
    channel_id: int,
    base_nonce: str,
    notice_json: str,
    now: int,
) -> int:
    """Puts a word to the admins into the outbox; returns the row's id. Done again, it changes nothing."""
    found = await _by_nonce(tx, base_nonce)
    if found is not None:
        return found
    return await tx.insert(
        "INSERT INTO deliveries (kind, notice, guild_id, channel_id, base_nonce, next_at, created_at)"
        " VALUES ('notice', ?, ?, ?, ?, ?, ?)",
        (notice_json, guild_id, channel_id, base_nonce, now, now),
    )


async def drop_waiting_cards(tx: Transaction, job_id: int) -> int:
    """Takes the cards of a job that were never sent out of the outbox; returns how many those were."""
    return await tx.run(
        "DELETE FROM deliveries WHERE kind = 'card' AND state = 'waiting' AND unanswered_at IS NULL"
        " AND subscription_id IN (SELECT id FROM subscriptions WHERE job_id = ?)",
        (job_id,),
    )


async def drop_waiting_card(tx: Transaction, subscription_id: int) -> None:
    """Takes a subscription's card that was never sent out of the outbox."""
    await tx.run(
        "DELETE FROM deliveries WHERE subscription_id = ? AND kind = 'card' AND state = 'waiting'"
        " AND unanswered_at IS NULL",
        (subscription_id,),
    )


async def drop(tx: Transaction, delivery_id: int) -> None:
    """Takes a message that was never sent, and is not wanted any more, out of the outbox."""
    await tx.run("DELETE FROM deliveries WHERE id = ? AND state = 'waiting' AND unanswered_at IS NULL", (delivery_id,))


async def send_again(tx: Transaction, delivery_id: int, now: int) -> bool:
    """Takes up one that was given up, as if it were new; returns whether it was."""
    return bool(
        await tx.run(
            f"UPDATE deliveries SET {_AFRESH} WHERE id = ? AND state = 'given_up'",
            (now, delivery_id),
        )
    )


_AFRESH = (
    "state = 'waiting', attempts = 0, blocked_since = NULL, reason = NULL, settled_at = NULL, message_id = NULL, "
    "next_at = ?"
)


# ---- asking ---------------------------------------------------------------------------------------------------------


async def get(q: Queries, delivery_id: int) -> Delivery | None:
    """The delivery with this id."""
    row = await q.one(f"SELECT {COLUMNS} FROM deliveries WHERE id = ?", (delivery_id,))
    return None if row is None else from_row(row)


async def open_among(q: Queries, delivery_ids: Sequence[int]) -> set[int]:
    """Those of the deliveries that may still be sent."""
    rows = await q.all(
        f"SELECT id FROM deliveries WHERE id IN (SELECT value FROM json_each(?)) AND {IS_OPEN}",
        (json.dumps(list(delivery_ids)),),
    )
    return {row["id"] for row in rows}


async def variants_in_batch(q: Queries, batch_id: int) -> dict[int, str]:
    """By subscription: the form of the latest outcome of each job of a batch."""
    rows = await q.all(
        "SELECT subscription_id, variant FROM deliveries WHERE subscription_id IN"
        " (SELECT id FROM subscriptions WHERE batch_id = ?)"
        " AND (kind = 'outcome' OR kind LIKE 'outcome-%') ORDER BY id",
        (batch_id,),
    )
    return {row["subscription_id"]: row["variant"] for row in rows}


async def of_subscription(q: Queries, subscription_id: int, kind: str) -> Delivery | None:
    """The delivery of this kind, in whatever state."""
    row = await q.one(
        f"SELECT {COLUMNS} FROM deliveries WHERE subscription_id = ? AND kind = ?",
        (subscription_id, kind),
    )
    return None if row is None else from_row(row)


async def posted_outcome(q: Queries, subscription_id: int) -> Delivery | None:
    """The latest outcome that was posted for this subscription, of whatever round."""
    row = await q.one(
        f"SELECT {COLUMNS} FROM deliveries WHERE subscription_id = ? AND {IS_OUTCOME} AND state = 'posted'"
        " ORDER BY id DESC LIMIT 1",
        (subscription_id,),
    )
    return None if row is None else from_row(row)


async def outcome_due(q: Queries, channel_id: int, *, after: int, now: int) -> bool:
    """Whether an outcome for this channel has become due between these times, and is still to be posted."""
    row = await q.one(
        f"SELECT 1 FROM deliveries WHERE channel_id = ? AND {IS_OPEN} AND {IS_OUTCOME} AND next_at BETWEEN ? AND ?"
        " LIMIT 1",
        (channel_id, after, now),
    )
    return row is not None


async def blocked_in_channel(q: Queries, channel_id: int, *, but: int) -> int:
    """How many other outcomes wait for a permission in this channel."""
    return await _count(
        q,
        f"channel_id = ? AND id <> ? AND {IS_OPEN} AND {IS_OUTCOME} AND blocked_since IS NOT NULL",
        (channel_id, but),
    )


async def is_blocked(q: Queries, delivery_id: int | None) -> bool:
    """Whether a message waits for a permission."""
    return bool(await _count(q, f"id = ? AND {IS_OPEN} AND blocked_since IS NOT NULL", (delivery_id,)))


async def is_channel_blocked(q: Queries, channel_id: int) -> bool:
    """Whether any message waits for a permission in this channel."""
    return bool(await _count(q, f"channel_id = ? AND {IS_OPEN} AND blocked_since IS NOT NULL", (channel_id,)))


async def outcomes_waiting(q: Queries, channel_id: int) -> int:
    """How many outcomes are still to be posted in this channel."""
    return await _count(q, f"channel_id = ? AND {IS_OPEN} AND {IS_OUTCOME}", (channel_id,))


async def outcomes_posted_since(q: Queries, channel_id: int, since: int) -> int:
    """How many outcomes were posted in this channel from that time on."""
    return await _count(
        q, f"channel_id = ? AND {IS_OUTCOME} AND state = 'posted' AND settled_at >= ?", (channel_id, since)
    )


async def latest_notice_about(q: Queries, guild_id: int, channel_id: int, kind: str) -> Delivery | None:
    """The server's latest word of this kind to its admins that speaks of this channel, wherever it was told."""
    row = await q.one(
        f"SELECT {COLUMNS} FROM deliveries WHERE guild_id = ? AND kind = 'notice'"
        " AND json_extract(notice, '$.kind') = ? AND json_extract(notice, '$.channel_id') = ?"
        " ORDER BY id DESC LIMIT 1",
        (guild_id, kind, channel_id),
    )
    return None if row is None else from_row(row)


async def alerts_not_over(
    q: Queries, guild_ids: Collection[int], kinds: Collection[str], ends: Collection[str]
) -> list[Delivery]:
    """The notices of these kinds, sent or still to be sent, that no notice of a kind in `ends` followed in the same
    server; oldest first."""
    rows = await q.all(
        f"SELECT {COLUMNS} FROM deliveries d WHERE d.guild_id IN (SELECT value FROM json_each(?1))"
        " AND d.kind = 'notice' AND d.state IN ('waiting', 'sending', 'posted')"
        " AND json_extract(d.notice, '$.kind') IN (SELECT value FROM json_each(?2))"
        " AND d.id > coalesce((SELECT max(o.id) FROM deliveries o WHERE o.guild_id = d.guild_id AND o.kind = 'notice'"
        "  AND json_extract(o.notice, '$.kind') IN (SELECT value FROM json_each(?3))), 0) ORDER BY d.id",
        (json.dumps(sorted(guild_ids)), json.dumps(sorted(kinds)), json.dumps(sorted(ends))),
    )
    return [from_row(row) for row in rows]


# ---- inside ---------------------------------------------------------------------------------------------------------


async def _adopt(tx: Transaction, base_nonce: str, subscription_id: int) -> int | None:
    row = await tx.one(
        "UPDATE deliveries SET subscription_id = ? WHERE base_nonce = ? RETURNING id",
        (subscription_id, base_nonce),
    )
    return None if row is None else row["id"]


async def _by_nonce(q: Queries, base_nonce: str) -> int | None:
    row = await q.one("SELECT id FROM deliveries WHERE base_nonce = ?", (base_nonce,))
    return None if row is None else row["id"]


async def _count(q: Queries, where: str, parameters: tuple[SqlValue, ...]) -> int:
    row = await q.one(f"SELECT count(*) AS n FROM deliveries WHERE {where}", parameters)
    return 0 if row is None else row["n"]


def from_row(row: sqlite3.Row) -> Delivery:
    """The delivery in a row of COLUMNS."""
    values = dict(row)
    values["closes_batch"] = bool(values["closes_batch"])
    values["look_first"] = bool(values["look_first"])
    return Delivery(**values)
