"""What became of a server's outcomes: read a page at a time, and one of them taken up again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from storage.database import Queries, Transaction
from storage.deliveries import IS_OPEN, IS_OUTCOME

_NOT_POSTED = "state IN ('given_up', 'unsure')"


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """An outcome in the outbox, with its job. Times are milliseconds UTC."""

    delivery_id: int
    subscription_id: int
    job_id: int
    guild_id: int
    channel_id: int
    message_id: int | None
    snapshot: str | None
    state: str
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
    """How many stand before them."""
    more: bool
    """Whether others stand after them."""
    only_failed: bool = False
    """Whether the posted and the waiting ones were left out."""


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How many of a server's outcomes were not posted, and how many still wait."""

    not_posted: int
    waiting: int
    waiting_since: int | None
    """When the oldest that waits was put in, milliseconds UTC."""


_OF_GUILD = f"d.guild_id = ? AND {IS_OUTCOME}"
_SELECT = (
    "SELECT d.id AS delivery_id, d.subscription_id, s.job_id, d.guild_id, d.channel_id, d.message_id,"
    " j.snapshot, d.state, d.reason, d.variant, d.blocked_since, d.next_at, d.created_at, d.settled_at"
    " FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id JOIN jobs j ON j.id = s.job_id"
)


async def page(
    q: Queries, guild_id: int, *, skip: int, size: int, hopeless: Collection[str], only_failed: bool = False
) -> OutcomePage:
    """`size` outcomes after the first `skip`: those that were not posted and could be sent again first, then those that
    wait for a permission, then all others; newest first. `hopeless`: reasons for which none is to be sent again."""
    which = f"{_OF_GUILD} AND {_NOT_POSTED}" if only_failed else _OF_GUILD
    rows = await q.all(
        f"{_SELECT} WHERE {which} ORDER BY CASE"
        f" WHEN {_NOT_POSTED} AND reason NOT IN (SELECT value FROM json_each(?)) THEN 0"
        " WHEN blocked_since IS NOT NULL THEN 1 ELSE 2 END, d.id DESC LIMIT ? OFFSET ?",
        (guild_id, json.dumps(list(hopeless)), size + 1, skip),
    )
    return OutcomePage(tuple(_record(row) for row in rows[:size]), skip, len(rows) > size, only_failed)


async def counts(q: Queries, guild_id: int) -> OutcomeCounts:
    """The server's outcomes in figures."""
    row = await q.one(
        f"SELECT count(*) FILTER (WHERE {_NOT_POSTED}), count(*) FILTER (WHERE {IS_OPEN}),"
        f" min(created_at) FILTER (WHERE {IS_OPEN}) FROM deliveries WHERE guild_id = ? AND {IS_OUTCOME}",
        (guild_id,),
    )
    return OutcomeCounts(0, 0, None) if row is None else OutcomeCounts(*row)


async def blocked_channels(q: Queries, guild_id: int) -> list[int]:
    """The server's channels in which outcomes wait for a permission; the one that has waited longest first."""
    rows = await q.all(
        f"SELECT channel_id FROM deliveries WHERE guild_id = ? AND {IS_OUTCOME} AND {IS_OPEN}"
        " AND blocked_since IS NOT NULL GROUP BY channel_id ORDER BY min(blocked_since), channel_id",
        (guild_id,),
    )
    return [row["channel_id"] for row in rows]


async def latest_form(q: Queries, guild_id: int, since: int) -> str:
    """The form of the server's latest outcome with a result since that time that was posted; empty where there is
    none."""
    row = await q.one(
        f"SELECT d.variant FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
        f" JOIN jobs j ON j.id = s.job_id WHERE {_OF_GUILD} AND d.state = 'posted' AND d.settled_at >= ?"
        " AND j.outcome = 'completed' ORDER BY d.settled_at DESC, d.id DESC LIMIT 1",
        (guild_id, since),
    )
    return "" if row is None else str(row["variant"])


async def of_guild(q: Queries, guild_id: int, delivery_id: int) -> OutcomeRecord | None:
    """The server's outcome with this number."""
    row = await q.one(f"{_SELECT} WHERE {_OF_GUILD} AND d.id = ?", (guild_id, delivery_id))
    return None if row is None else _record(row)


async def take_up(tx: Transaction, delivery_id: int, *, variant: str, now: int) -> bool:
    """Sends one anew that was given up or of which nobody knows, made up like this; whether it was one of those.

    What nobody knows of is to be looked for first. The reason stays until there is another one.
    """
    row = await tx.one(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, blocked_since = NULL, settled_at = NULL,"
        " message_id = NULL, variant = ?, next_at = ?, look_first = (state = 'unsure')"
        f" WHERE id = ? AND {_NOT_POSTED} RETURNING subscription_id",
        (variant, now, delivery_id),
    )
    if row is None:
        return False
    await tx.run("UPDATE subscriptions SET card_final = 0 WHERE id = ?", (row["subscription_id"],))
    return True


def _record(row: sqlite3.Row) -> OutcomeRecord:
    return OutcomeRecord(**dict(row))
