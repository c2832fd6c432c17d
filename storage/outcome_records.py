"""What became of a server's outcomes: read a page at a time, and one of them taken up again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from storage.database import Queries, SqlValue, Transaction
from storage.deliveries import IS_OPEN, IS_OUTCOME

_NOT_POSTED = "state IN ('given_up', 'unsure')"


@dataclass(frozen=True, slots=True)
class OutcomeRecord:
    """An outcome in the outbox, with its job. Times are milliseconds UTC."""

    delivery_id: int
    subscription_id: int
    job_id: int
    channel_id: int
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
    """Some of a server's outcomes, newest first, and whether there are others on either side."""

    records: tuple[OutcomeRecord, ...]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class OutcomeCounts:
    """How many of a server's outcomes were not posted, and how many still wait."""

    not_posted: int
    waiting: int
    waiting_since: int | None
    """When the oldest that waits was put in, milliseconds UTC."""


_OF_GUILD = f"d.guild_id = ? AND {IS_OUTCOME}"
_SELECT = (
    "SELECT d.id AS delivery_id, d.subscription_id, s.job_id, d.channel_id, j.snapshot, d.state, d.reason, d.variant,"
    " d.blocked_since, d.next_at, d.created_at, d.settled_at FROM deliveries d"
    " JOIN subscriptions s ON s.id = d.subscription_id JOIN jobs j ON j.id = s.job_id"
)


async def latest(q: Queries, guild_id: int, size: int) -> OutcomePage:
    """The newest `size` outcomes."""
    rows = await q.all(f"{_SELECT} WHERE {_OF_GUILD} ORDER BY d.id DESC LIMIT ?", (guild_id, size))
    return await _page(q, guild_id, [_record(row) for row in rows])


async def older(q: Queries, guild_id: int, than: int, size: int) -> OutcomePage:
    """The `size` outcomes put in before the delivery `than`."""
    rows = await q.all(f"{_SELECT} WHERE {_OF_GUILD} AND d.id < ? ORDER BY d.id DESC LIMIT ?", (guild_id, than, size))
    return await _page(q, guild_id, [_record(row) for row in rows])


async def newer(q: Queries, guild_id: int, than: int, size: int) -> OutcomePage:
    """The `size` outcomes put in next after the delivery `than`; the newest where there are no more than that."""
    rows = await q.all(f"{_SELECT} WHERE {_OF_GUILD} AND d.id > ? ORDER BY d.id LIMIT ?", (guild_id, than, size))
    if len(rows) < size:
        return await latest(q, guild_id, size)
    return await _page(q, guild_id, [_record(row) for row in reversed(rows)])


async def counts(q: Queries, guild_id: int) -> OutcomeCounts:
    """The server's outcomes in figures."""
    row = await q.one(
        f"SELECT count(*) FILTER (WHERE {_NOT_POSTED}), count(*) FILTER (WHERE {IS_OPEN}),"
        f" min(created_at) FILTER (WHERE {IS_OPEN}) FROM deliveries WHERE guild_id = ? AND {IS_OUTCOME}",
        (guild_id,),
    )
    return OutcomeCounts(0, 0, None) if row is None else OutcomeCounts(*row)


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


async def _page(q: Queries, guild_id: int, records: list[OutcomeRecord]) -> OutcomePage:
    if not records:
        return OutcomePage((), has_newer=False, has_older=False)
    return OutcomePage(
        tuple(records),
        has_newer=await _exists(q, "id > ?", guild_id, records[0].delivery_id),
        has_older=await _exists(q, "id < ?", guild_id, records[-1].delivery_id),
    )


async def _exists(q: Queries, condition: str, guild_id: int, delivery_id: int) -> bool:
    parameters: tuple[SqlValue, ...] = (guild_id, delivery_id)
    return await q.one(f"SELECT 1 FROM deliveries d WHERE {_OF_GUILD} AND {condition} LIMIT 1", parameters) is not None


def _record(row: sqlite3.Row) -> OutcomeRecord:
    return OutcomeRecord(**dict(row))
