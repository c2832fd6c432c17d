"""Copies a whole database into an empty one of the other kind: everything or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from settings import DatabasePlace
from storage import secret_store
from storage.database import Database, Queries, Transaction, open_reader
from storage.engines import copy_source_and_target
from storage.engines.copy_source_and_target import CopyRefused, Table
from storage.engines.opening import examine, newest_tables

_ROWS_AT_ONCE = 500

KEYS: dict[str, tuple[str, ...]] = {
    "meta": ("name",),
    "accounts": ("id",),
    "servers": ("guild_id",),
    "jobs": ("id",),
    "batches": ("id",),
    "subscriptions": ("id",),
    "subscribers": ("subscription_id", "user_id"),
    "follows": ("guild_id", "channel_id"),
    "deliveries": ("id",),
}
"""The tables with their keys; each table follows those that it refers to."""

_NOT_COPIED = {"deliveries": ("owner",)}
"""Columns that name a process: no process holds anything in a copied database."""

Progress = Callable[[str, int, int], None]
"""Called with the table, how many of its rows are copied, and how many it has."""


@dataclass(frozen=True, slots=True)
class Copied:
    """How much was copied."""

    rows: int
    tables: int


async def copy_database(
    source: DatabasePlace, target: DatabasePlace, configured_keys: Sequence[str], progress: Progress
) -> Copied:
    """Copies every row, and compares the counts and sums of all columns before it commits the copy.

    Nothing is changed in the source. Raises CopyRefused or a class of DatabaseUnusable; the target is then as empty as
    before.
    """
    async with copy_source_and_target.unused_source(source) as still_unused, open_reader(source) as reader:
        await _check_source(source, reader, configured_keys)
        async with copy_source_and_target.empty_target(target, KEYS) as engine:
            database = Database(target, engine)
            async with database.transaction() as tx:
                await copy_source_and_target.make_tables(engine, KEYS)
                rows = await _copy(source, reader, target, tx, progress)
                await copy_source_and_target.finish_tables(engine, KEYS)
                await still_unused()
    return Copied(rows, len(KEYS))


async def _check_source(source: DatabasePlace, reader: Queries, configured_keys: Sequence[str]) -> None:
    found = await examine(source)
    if found != newest_tables(source):
        raise CopyRefused(
            f"The database {source} has tables of version {found}, and this bot works with {newest_tables(source)}. "
            "Start the bot once to bring them up to date, stop it, then copy."
        )
    # The key that is named to the operator afterwards must be the one that the secrets are encrypted with.
    await secret_store.check_keys(reader, source, configured_keys)


async def _copy(
    source: DatabasePlace, reader: Queries, target: DatabasePlace, tx: Transaction, progress: Progress
) -> int:
    copied = 0
    for name, key in KEYS.items():
        without = _NOT_COPIED.get(name, ())
        read = await copy_source_and_target.table(source, reader, name, without)
        written = await copy_source_and_target.table(target, tx, name, without)
        if await tx.count(name):
            raise copy_source_and_target.holds_something(target)
        copied += await _copy_table(reader, tx, written, key, progress)
        counted, found = await reader.one(read.sums()), await tx.one(written.sums())
        if counted is None or found is None or [int(n) for n in counted] != [int(n) for n in found]:
            raise CopyRefused(f"The copy of the table {name} differs from it, so it was given up.")
        if key == ("id",):
            highest = await copy_source_and_target.highest_id(source, reader, name)
            await copy_source_and_target.set_highest_id(target, tx, name, highest)
    return copied


async def _copy_table(reader: Queries, tx: Transaction, table: Table, key: tuple[str, ...], progress: Progress) -> int:
    count, copied = await reader.count(table.name), 0
    columns, order = ", ".join(table.columns), ", ".join(key)
    after = f"WHERE ({order}) > ({', '.join('?' * len(key))})"
    last: tuple[str | int, ...] = ()
    while True:
        sql = f"SELECT {columns} FROM {table.name} {after if last else ''} ORDER BY {order} LIMIT ?"
        rows = await reader.all(sql, (*last, _ROWS_AT_ONCE))
        if not rows:
            return copied
        places = f"({', '.join('?' * len(table.columns))})"
        values = [value for row in rows for value in table.values(row)]
        await tx.run(f"INSERT INTO {table.name} ({columns}) VALUES {', '.join([places] * len(rows))}", values)
        last = tuple(rows[-1][name] for name in key)
        copied += len(rows)
        progress(table.name, copied, count)
