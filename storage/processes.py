"""The bots that work with one PostgreSQL database, and what each of them holds. All times are the database server's.

A process has one lease: its row in `processes`. Whatever else it holds names that row as its owner, and is free at once
when the row is deleted. The process itself deletes the row when it ends; any other process does so once the lease has
run out. A lease that has run out is never renewed: its process registers again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from storage.database import Queries, Transaction, get_meta, put_meta
from storage.deliveries import IS_OPEN

LEASE_SECONDS = 15
"""How long a process that no longer renews its lease keeps what it holds."""
_UNTIL = f"clock_timestamp() + interval '{LEASE_SECONDS} seconds'"
_ALIVE = "lease_until > clock_timestamp()"
_TOO_LONG = f"lease_until > {_UNTIL}"
"""Holds for leases from before the server's clock was set back, as after a failover to a server whose clock is slow."""
_SERVER = "server"
_SERVER_SINCE = "server_since"
_NOW_MS = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is alive."""

    id: str
    draining: bool = False
    """Whether it is about to end: it gives its shards away and takes none."""
    version: str = ""
    """The bot's version that it runs."""
    seconds: float = 0.0
    """For how long it has been running."""
    api_down_since: int | None = None
    """Since when the API has been down for this process, in milliseconds UTC; None if it responds."""


@dataclass(frozen=True, slots=True)
class ShardLease:
    """Who holds a gateway shard."""

    shard_id: int
    owner: str | None
    """The process that holds the shard; None: the shard is free."""
    successor: str | None = None
    """The process that is taking the shard over; it may have died meanwhile."""
    free_s: float = 0.0
    """For how many seconds nobody has held the shard; 0 while somebody does."""

    @property
    def taker(self) -> str | None:
        """The process that has the shard, or will have it in a moment."""
        return self.successor or self.owner


# ---- processes ------------------------------------------------------------------------------------------------------


async def now(queries: Queries) -> int:
    """The database server's time, milliseconds UTC."""
    return int(await queries.value(f"SELECT {_NOW_MS}") or 0)


async def register(tx: Transaction, process_id: str, version: str, bot_since: int | None = None) -> int:
    """Gives a process its lease: a new one, or one that has lost its lease and knows since when the bot has been
    running. Returns since when that is, in milliseconds UTC: since at least one process has been alive."""
    return int(
        await tx.value(
            f"""
            INSERT INTO processes (id, version, lease_until, bot_since)
            SELECT ?, ?, {_UNTIL}, least({_NOW_MS}, min(bot_since), CAST(? AS bigint)) FROM processes WHERE {_ALIVE}
            RETURNING bot_since
            """,
            (process_id, version, bot_since),
        )
        or 0
    )


async def renew(tx: Transaction, process_id: str) -> int | None:
    """Renews a process's lease; returns the database server's time (milliseconds UTC), or None if the lease is lost."""
    sql = f"UPDATE processes SET lease_until = {_UNTIL} WHERE id = ? AND {_ALIVE} RETURNING {_NOW_MS}"
    return await tx.value(sql, (process_id,))


async def note_api(tx: Transaction, process_id: str, down_since: int | None) -> None:
    """Notes since when the API has been down for a process; None if it responds."""
    await tx.run("UPDATE processes SET api_down_since = ? WHERE id = ?", (down_since, process_id))


async def note_server(tx: Transaction, server: str) -> int:
    """Notes the run of the database server with which the processes work now. Returns since when they have worked with
    it, in milliseconds UTC; 0 if it is the first one.

    Another run may lack the last commits: a replica may have taken over, or an older state of the database may have
    been restored. So each message in the outbox is looked for in the history before it is sent. It also gets a new
    claim token, so that a process that read it before can't record anything.
    """
    is_first = await get_meta(tx, _SERVER) is None
    changed = await tx.value(
        """
        INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
        WHERE meta.value <> excluded.value RETURNING name
        """,
        (_SERVER, server.encode()),
    )
    if changed is not None and not is_first:
        await put_meta(tx, _SERVER_SINCE, str(await now(tx)).encode())
        await tx.run(
            f"UPDATE deliveries SET look_first = TRUE, claim_token = CAST(gen_random_uuid() AS text) WHERE {IS_OPEN}"
        )
    return int(await get_meta(tx, _SERVER_SINCE) or b"0")


async def begin_draining(tx: Transaction, process_id: str) -> None:
    """Marks a process as about to end, so that it gets nothing more, and frees its accounts."""
    await tx.run("UPDATE processes SET draining = TRUE WHERE id = ?", (process_id,))
    await tx.run("DELETE FROM account_leases WHERE owner = ?", (process_id,))


async def forget(tx: Transaction, process_id: str) -> None:
    """Deletes a process that has ended, which frees what it held."""
    sql = "UPDATE shard_leases SET owner = NULL, free_since = clock_timestamp() WHERE owner = ?"
    await tx.run(sql, (process_id,))
    await tx.run("DELETE FROM processes WHERE id = ?", (process_id,))


async def forget_dead(tx: Transaction) -> list[str]:
    """Deletes the processes whose leases have run out, which frees what they held; returns their ids.

    Leases from before the server's clock was set back are shortened. By its own clock, no process relies on its lease
    for longer than that.
    """
    await tx.run(f"UPDATE processes SET lease_until = {_UNTIL} WHERE {_TOO_LONG}")
    dead = await tx.values(f"SELECT id FROM processes WHERE NOT {_ALIVE} ORDER BY id FOR UPDATE SKIP LOCKED")
    for process_id in dead:
        await forget(tx, process_id)
    return dead


async def alive(queries: Queries) -> list[Process]:
    """The processes whose leases have not run out."""
    return await queries.all_as(
        Process,
        f"""
        SELECT id, draining, version, api_down_since,
          CAST(extract(epoch FROM clock_timestamp() - started_at) AS double precision) AS seconds
        FROM processes WHERE {_ALIVE} ORDER BY id
        """,
    )


async def has_dead(queries: Queries) -> bool:
    """Whether `forget_dead` has something to do. Checking this first spares the other processes a transaction every
    second."""
    return await queries.count(f"processes WHERE NOT {_ALIVE} OR {_TOO_LONG}") > 0


# ---- accounts -------------------------------------------------------------------------------------------------------


async def take_accounts(tx: Transaction, process_id: str, account_ids: Collection[int]) -> list[int]:
    """Takes the free ones of the accounts; returns those of them that this process holds now."""
    which = tx.dialect.list_of(sorted(account_ids))
    await tx.run(
        f"""
        INSERT INTO account_leases (account_id, owner)
        SELECT a.id, p.id FROM accounts a, processes p WHERE {tx.dialect.among("a.id")} AND p.id = ? AND p.{_ALIVE}
        ON CONFLICT (account_id) DO NOTHING
        """,
        (which, process_id),
    )
    sql = f"SELECT account_id FROM account_leases WHERE {tx.dialect.among('account_id')} AND owner = ?"
    return await tx.values(sql, (which, process_id))


async def release_accounts(tx: Transaction, process_id: str, account_ids: Collection[int]) -> None:
    """Frees those of the accounts that this process holds."""
    await tx.run(
        f"DELETE FROM account_leases WHERE owner = ? AND {tx.dialect.among('account_id')}",
        (process_id, tx.dialect.list_of(account_ids)),
    )


# ---- shards ---------------------------------------------------------------------------------------------------------


async def set_shard_count(tx: Transaction, shard_count: int) -> int:
    """Makes a row for each of the bot's shards, unless a shard of another count is held; returns the count in force."""
    await tx.run("LOCK TABLE shard_leases IN SHARE ROW EXCLUSIVE MODE")
    held = await tx.value("SELECT shard_count FROM shard_leases WHERE owner IS NOT NULL LIMIT 1")
    count = int(held or shard_count)
    await tx.run("DELETE FROM shard_leases WHERE shard_count <> ?", (count,))
    await tx.run(
        """
        INSERT INTO shard_leases (shard_id, shard_count) SELECT number, ? FROM generate_series(0, ? - 1) AS number
        ON CONFLICT (shard_id) DO NOTHING
        """,
        (count, count),
    )
    return count


async def shard_leases(queries: Queries) -> list[ShardLease]:
    """The leases of all of the bot's shards, in the order of their numbers; none before `set_shard_count`."""
    return await queries.all_as(
        ShardLease,
        """
        SELECT shard_id, owner, successor,
          CASE WHEN owner IS NULL
            THEN CAST(extract(epoch FROM clock_timestamp() - free_since) AS double precision) ELSE 0 END AS free_s
        FROM shard_leases ORDER BY shard_id
        """,
    )


async def take_shard(tx: Transaction, process_id: str, shard_id: int) -> bool:
    """Takes a shard that is free, or that this process was to take over; returns whether this process has it now."""
    return (
        await tx.run(
            f"""
            UPDATE shard_leases SET owner = ?1, successor = NULL
            WHERE shard_id = ?2 AND (owner IS NULL OR successor = ?1)
            AND EXISTS (SELECT 1 FROM processes WHERE id = ?1 AND {_ALIVE})
            """,
            (process_id, shard_id),
        )
        > 0
    )


async def ask_for_shard(tx: Transaction, process_id: str, shard_id: int) -> bool:
    """Makes this process the successor for a shard of another, unless the shard has one; returns whether it is."""
    return (
        await tx.run(
            f"""
            UPDATE shard_leases SET successor = ?1 WHERE shard_id = ?2 AND owner <> ?1 AND successor IS NULL
            AND EXISTS (SELECT 1 FROM processes WHERE id = ?1 AND {_ALIVE})
            """,
            (process_id, shard_id),
        )
        > 0
    )


async def release_shards(tx: Transaction, process_id: str, shard_ids: Sequence[int]) -> None:
    """Frees those of the shards that this process holds, and withdraws it as successor for the others."""
    which = tx.dialect.among("shard_id", "?2")
    parameters = (process_id, tx.dialect.list_of(shard_ids))
    await tx.run(f"UPDATE shard_leases SET successor = NULL WHERE successor = ?1 AND {which}", parameters)
    await tx.run(
        f"UPDATE shard_leases SET owner = NULL, free_since = clock_timestamp() WHERE owner = ?1 AND {which}", parameters
    )


# ---- work that only one process does --------------------------------------------------------------------------------


async def take_named_lease(tx: Transaction, process_id: str, name: str) -> bool:
    """Takes the lease of this name unless another process has it; returns whether this process has it now."""
    return (
        await tx.value(
            f"""
            INSERT INTO named_leases (name, owner) SELECT CAST(? AS text), id FROM processes WHERE id = ? AND {_ALIVE}
            ON CONFLICT (name) DO UPDATE SET owner = excluded.owner WHERE named_leases.owner = excluded.owner
            RETURNING owner
            """,
            (name, process_id),
        )
        is not None
    )


async def release_named_lease(tx: Transaction, process_id: str, name: str) -> None:
    """Frees the lease of this name if this process has it."""
    await tx.run("DELETE FROM named_leases WHERE name = ? AND owner = ?", (name, process_id))


# ---- slots ----------------------------------------------------------------------------------------------------------


async def take_slot(tx: Transaction, name: str, spacing_s: float) -> float:
    """Takes the next slot of this name. One comes every `spacing_s` seconds for all processes together.

    Returns how many seconds to wait before trying again; 0: this process has the slot.
    """
    await tx.run("INSERT INTO pacing (name, available) VALUES (?, 1) ON CONFLICT (name) DO NOTHING", (name,))
    available = await tx.value(
        """
        UPDATE pacing SET refilled_at = clock_timestamp(), available = least(1, available
          + greatest(0, extract(epoch FROM clock_timestamp() - refilled_at)) / CAST(? AS double precision))
        WHERE name = ? RETURNING available
        """,
        (spacing_s, name),
    )
    missing = 1 - float(available or 0.0)
    if missing > 0:
        return missing * spacing_s
    await tx.run("UPDATE pacing SET available = available - 1 WHERE name = ?", (name,))
    return 0.0
