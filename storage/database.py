"""The connections to SQLite and the one way to write: a transaction that is never mixed with another one."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import aiosqlite

from storage import opening
from storage.errors import StorageError, StorageUnavailable, TransactionMisused
from storage.files import uri

log = logging.getLogger(__name__)

SqlValue = str | int | float | bytes | None
_T = TypeVar("_T")

_BUSY_SECONDS = 5.0
Connect = Callable[[str, float], Awaitable[aiosqlite.Connection]]
"""Connects to the database at an SQLite URI, waiting at most so many seconds for another program's lock."""

_FLUSH_SECONDS = 0.25
"""How long other readers are waited for before the write-ahead log is emptied; nobody can write meanwhile."""


async def connect_in_thread(address: str, busy_seconds: float) -> aiosqlite.Connection:
    """A connection that works in a thread of its own, so that the event loop never waits for the disk."""
    return await aiosqlite.connect(address, uri=True, isolation_level=None, timeout=busy_seconds)


class Queries(Protocol):
    """Something that can be asked."""

    async def one(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        """The first row, or None."""

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        """Every row."""


class Reader:
    """Asks over a connection; each question sees what is committed (or, in a transaction, its own writes too)."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def one(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        rows = await self.all(sql, parameters)
        return rows[0] if rows else None

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        with _own_errors():
            return list(await self._connection.execute_fetchall(sql, parameters))


class Transaction:
    """An open transaction; of use only inside its `async with`."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._reader = Reader(connection)
        self._open = True

    async def one(self, sql: str, parameters: Sequence[SqlValue] = ()) -> sqlite3.Row | None:
        """The first row, or None. Also for statements with RETURNING."""
        self._check_open()
        return await self._reader.one(sql, parameters)

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[sqlite3.Row]:
        """Every row. Also for statements with RETURNING."""
        self._check_open()
        return await self._reader.all(sql, parameters)

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Executes a statement and returns how many rows it changed."""
        self._check_open()
        with _own_errors():
            async with self._connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

    async def insert(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Executes an INSERT and returns the new row's id."""
        self._check_open()
        with _own_errors():
            async with self._connection.execute(sql, parameters) as cursor:
                if cursor.lastrowid is None:
                    raise TransactionMisused("this statement inserted no row")
                return cursor.lastrowid

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
        self.reader: Queries = Reader(reader)
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

    async def _execute(self, sql: str) -> list[sqlite3.Row]:
        with _own_errors():
            return list(await self._writer.execute_fetchall(sql))


async def get_meta(queries: Queries, name: str) -> bytes | None:
    """The value kept under this name, or None."""
    row = await queries.one("SELECT value FROM meta WHERE name = ?", (name,))
    return None if row is None else bytes(row["value"])


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
        yield Reader(connection)
    finally:
        await to_the_end(connection.close())


@contextmanager
def _own_errors() -> Iterator[None]:
    """No error of the engine leaves this room."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StorageUnavailable(str(error)) from error
    except sqlite3.Error as error:
        raise StorageError(str(error)) from error


async def _prepared(connecting: Awaitable[aiosqlite.Connection]) -> aiosqlite.Connection:
    with _own_errors():
        connection = await connecting
    connection.row_factory = sqlite3.Row
    try:
        with _own_errors():
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
