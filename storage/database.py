"""The connections to SQLite and the one way to write: a transaction that is never mixed with another one."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import aiosqlite

from storage import opening
from storage.errors import StorageError, StorageUnavailable, TransactionMisused
from storage.files import uri

log = logging.getLogger(__name__)

SqlValue = str | int | float | bytes | None
Row = sqlite3.Row
Column = Any
"""What a row holds under one name; whoever asks knows which type that is."""
_T = TypeVar("_T")

_BUSY_SECONDS = 5.0
Connect = Callable[[str, float], Awaitable[aiosqlite.Connection]]
"""Connects to the database at an SQLite URI, waiting at most so many seconds for another program's lock."""

_FLUSH_SECONDS = 0.25
"""How long other readers are waited for before the write-ahead log is emptied; nobody can write meanwhile."""


async def connect_in_thread(address: str, busy_seconds: float) -> aiosqlite.Connection:
    """A connection that works in a thread of its own, so that the event loop never waits for the disk."""
    return await aiosqlite.connect(address, uri=True, isolation_level=None, timeout=busy_seconds)


def columns(kind: type[Any], table: str = "") -> str:
    """The columns for `row_as`: the names of the dataclass's fields, each of this table if one is named."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{field.name}" for field in fields(kind))


def row_as(kind: Callable[..., _T], row: Row) -> _T:
    """The row as this dataclass: columns go by the names of its fields, flags and states by their types."""
    values = dict(row)
    for name, convert in _conversions(kind):
        if values[name] is not None:
            values[name] = convert(values[name])
    return kind(**values)


@cache
def _conversions(kind: Callable[..., object]) -> list[tuple[str, Callable[[object], object]]]:
    return [
        (name, hint)
        for name, hints in get_type_hints(kind).items()
        for hint in get_args(hints) or (hints,)
        if isinstance(hint, type) and issubclass(hint, bool | Enum)
    ]


def found(row: _T | None) -> _T:
    """The row, which must be there. Raises LookupError."""
    if row is None:
        raise LookupError("a row that must be there is not")
    return row


def in_list(parameter: str = "?") -> str:
    """A condition: among the values of a parameter made by `json_list`. One parameter, however many values there are:
    the engine bounds the number of parameters."""
    return f"IN (SELECT value FROM json_each({parameter}))"


def json_list(values: Iterable[int | str]) -> str:
    """The parameter of `in_list`."""
    return json.dumps(list(values))


class Queries:
    """Asks over a connection; each question sees what is committed (or, in a transaction, its own writes too)."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        """Every row. In a transaction also for statements with RETURNING, as the others here."""
        with _OWN_ERRORS:
            return list(await self._connection.execute_fetchall(sql, parameters))

    async def one(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Row | None:
        """The first row, or None."""
        rows = await self.all(sql, parameters)
        return rows[0] if rows else None

    async def all_as(self, kind: type[_T], sql: str, parameters: Sequence[SqlValue] = ()) -> list[_T]:
        """Every row, as `row_as` makes it."""
        return [row_as(kind, row) for row in await self.all(sql, parameters)]

    async def one_as(self, kind: type[_T], sql: str, parameters: Sequence[SqlValue] = ()) -> _T | None:
        """The first row as `row_as` makes it, or None."""
        row = await self.one(sql, parameters)
        return None if row is None else row_as(kind, row)

    async def values(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Column]:
        """The first column of every row."""
        return [row[0] for row in await self.all(sql, parameters)]

    async def value(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Column | None:
        """The first column of the first row; None where there is no row."""
        row = await self.one(sql, parameters)
        return None if row is None else row[0]

    async def count(self, rows: str, parameters: Sequence[SqlValue] = ()) -> int:
        """How many rows there are; `rows` is what follows FROM."""
        return int(await self.value(f"SELECT count(*) FROM {rows}", parameters) or 0)


class Transaction(Queries):
    """An open transaction; of use only inside its `async with`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection)
        self._open = True

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Row]:
        """Every row."""
        self._check_open()
        return await super().all(sql, parameters)

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Executes a statement and returns how many rows it changed."""
        self._check_open()
        with _OWN_ERRORS:
            async with self._connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

    async def insert(self, table: str, **values: SqlValue) -> int:
        """Inserts a row and returns its id."""
        places = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places}) RETURNING id"
        return int(await self.value(sql, tuple(values.values())) or 0)

    def close(self) -> None:
        """From now on every use raises TransactionMisused."""
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise TransactionMisused("this transaction has ended")


class Database:
    """The bot's database: one connection that writes, one that reads."""

    def __init__(
        self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection, busy_seconds: float
    ) -> None:
        self.path = path
        self.reader = Queries(reader)
        """A connection of its own that cannot write; it sees only what is committed."""
        self._writer = writer
        self._reading = reader
        self._busy_seconds = busy_seconds
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[object] | None = None
        self.refused = asyncio.Event()
        """Set whenever SQLite does not take a transaction; for whoever watches it, who clears it."""
        self.flush_owed = False
        """What was overwritten may still stand in the write-ahead log: `flush` is to be called again."""

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        lock_wait: float = opening.LOCK_WAIT_SECONDS,
        busy_seconds: float = _BUSY_SECONDS,
        connect: Connect = connect_in_thread,
    ) -> Database:
        """Makes the file and its folder where they are missing, checks it, brings its tables up to date and opens it.

        Waits for another program's lock: now at most `lock_wait` seconds, later `busy_seconds` for each transaction,
        which then raises StorageUnavailable. Raises a class of DatabaseUnusable.
        """
        await opening.prepare(path, lock_wait)
        writer = await _prepared(connect(uri(path, "rw"), busy_seconds))
        try:
            reader = await _prepared(connect(uri(path, "ro"), busy_seconds))
        except BaseException:
            await writer.close()
            raise
        return cls(path, writer, reader, busy_seconds)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """The only way to write. Commits at the end of the block, rolls back where it raises or is cancelled.

        One at a time; a second task waits. Once the commit has begun a cancellation waits for its end. Raises
        TransactionMisused inside another transaction of the same task, StorageError where the database refuses
        (nothing is then written).
        """
        task = asyncio.current_task()
        if self._owner is not None and self._owner is task:
            raise TransactionMisused("this task has a transaction open already")
        async with self._lock:
            self._owner = task
            try:
                async with self._begun() as transaction:
                    yield transaction
            except StorageUnavailable:
                self.refused.set()
                raise
            finally:
                self._owner = None

    async def probe_write(self, now: int) -> None:
        """Commits a few bytes: nothing but a write tells whether the database takes one (a full disk, a lock, a disk
        turned read-only). Raises StorageError or OSError where it takes none."""
        async with self.transaction() as tx:
            await put_meta(tx, "health", str(now).encode())

    async def flush(self) -> bool:
        """Moves what is committed from the write-ahead log into the file and empties the log, so that no byte lingers
        there that was overwritten; returns whether that is done.

        Where it is not, because another program reads the database, `flush_owed` says so until a later call has done
        it. Never raises for that: what was committed stays.
        """
        async with self._lock:
            self.flush_owed = not await to_the_end(self._checkpoint())
        return not self.flush_owed

    async def _checkpoint(self) -> bool:
        try:
            await self._execute(f"PRAGMA busy_timeout = {round(min(_FLUSH_SECONDS, self._busy_seconds) * 1000)}")
            try:
                rows = await self._execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await self._execute(f"PRAGMA busy_timeout = {round(self._busy_seconds * 1000)}")
        except StorageUnavailable as error:
            log.warning("the write-ahead log could not be emptied, trying again later: %s", error)
            return False
        if rows[0][0]:
            log.info("the write-ahead log could not be emptied while it is being read, trying again later")
        return not rows[0][0]

    async def close(self) -> None:
        """Closes both connections, after the transaction that is under way."""
        async with self._lock:
            await to_the_end(self._reading.close())
            await to_the_end(self._writer.close())

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[Transaction]:
        transaction = Transaction(self._writer)
        try:
            await to_the_end(self._execute("BEGIN IMMEDIATE"))
            yield transaction
            transaction.close()
            await to_the_end(self._execute("COMMIT"))
        except BaseException:
            transaction.close()
            await self._roll_back()
            raise

    async def _roll_back(self) -> None:
        try:
            await to_the_end(self._execute("ROLLBACK"))
        except StorageUnavailable:
            # BEGIN failed, or SQLite rolled back by itself (a full disk), or a commit came through after all.
            return

    async def _execute(self, sql: str) -> list[Row]:
        with _OWN_ERRORS:
            return list(await self._writer.execute_fetchall(sql))


async def get_meta(queries: Queries, name: str) -> bytes | None:
    """A small fact about this database as a whole, by its name."""
    return await queries.value("SELECT value FROM meta WHERE name = ?", (name,))


async def put_meta(tx: Transaction, name: str, value: bytes) -> None:
    """Keeps a value under this name in place of the earlier one."""
    await tx.run(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[Queries]:
    """A connection to an existing database that can only ask; for looking at it beside a running bot."""
    # Opened as read-only it would leave SQLite's companion files behind where it is the last one.
    connection = await _prepared(connect_in_thread(uri(path, "rw"), _BUSY_SECONDS))
    try:
        await connection.execute_fetchall("PRAGMA query_only = ON")
        yield Queries(connection)
    finally:
        await to_the_end(connection.close())


class _OwnErrors:
    """No error of the engine leaves this room. Around every statement, so it is as light as can be."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise StorageUnavailable(str(error)) from error
        if isinstance(error, sqlite3.Error):
            raise StorageError(str(error)) from error


_OWN_ERRORS = _OwnErrors()


async def _prepared(connecting: Awaitable[aiosqlite.Connection]) -> aiosqlite.Connection:
    with _OWN_ERRORS:
        connection = await connecting
    connection.row_factory = sqlite3.Row
    try:
        with _OWN_ERRORS:
            for pragma in opening.PRAGMAS:
                await connection.execute_fetchall(pragma)
    except BaseException:
        # A connection that is left open keeps its thread, and with it the process, alive.
        await to_the_end(connection.close())
        raise
    return connection


async def to_the_end(work: Awaitable[_T]) -> _T:
    """Waits for the work's end even where the waiting task is cancelled; the cancellation follows then."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    raise cancelled from (None if task.cancelled() else task.exception())
