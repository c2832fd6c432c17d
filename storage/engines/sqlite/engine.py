"""An open SQLite database: one connection that writes, one that reads, each in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiosqlite

from storage.engines.interface import Connection, Dialect, Engine, Row, SqlValue
from storage.engines.sqlite import migrate, preparation
from storage.engines.sqlite.mark import uri
from storage.errors import StorageError, StorageUnavailable
from storage.run_to_completion import run_to_completion

log = logging.getLogger(__name__)

Connect = Callable[[str, float], Awaitable[aiosqlite.Connection]]
"""Connects to the database at an SQLite URI. The number is how many seconds each statement waits for another
connection's lock."""

BUSY_SECONDS = 5.0
_FLUSH_SECONDS = 0.25
"""How long emptying the write-ahead log waits for other readers; nobody can write meanwhile."""


async def connect_in_thread(address: str, busy_seconds: float) -> aiosqlite.Connection:
    """A connection that works in a thread of its own, so that the event loop never waits for the disk."""
    return await aiosqlite.connect(address, uri=True, isolation_level=None, timeout=busy_seconds)


class SqliteDialect(Dialect):
    """SQLite's own SQL: lists are JSON."""

    def among(self, column: str, parameter: str = "?") -> str:
        return f"{column} IN (SELECT value FROM json_each({parameter}))"

    def list_of(self, values: Iterable[int] | Iterable[str]) -> SqlValue:
        return json.dumps(list(values))

    def json_text(self, column: str, key: str) -> str:
        return f"json_extract({column}, '$.{key}')"

    json_number = json_text

    def json_length(self, column: str, key: str) -> str:
        return f"coalesce(json_array_length(CASE WHEN json_valid({column}) THEN {column} END, '$.{key}'), 0)"

    def greatest(self, first: str, second: str) -> str:
        return f"max({first}, {second})"

    def joined(self, column: str) -> str:
        return f"group_concat({column})"

    def for_update(self) -> str:
        return ""

    def using_index(self, name: str) -> str:
        return f"INDEXED BY {name}"


class SqliteConnection(Connection):
    """A connection of aiosqlite, or its replacement in tests."""

    dialect = SqliteDialect()

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        with _OWN_ERRORS:
            return cast("list[Row]", await self._connection.execute_fetchall(sql, parameters))

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        with _OWN_ERRORS:
            async with self._connection.execute(sql, parameters) as cursor:
                return cursor.rowcount

    async def close(self) -> None:
        """Closes the connection, and ends its thread."""
        await self._connection.close()


class SqliteEngine(Engine):
    """An SQLite file that is open for the one process that may write to it."""

    writer: SqliteConnection
    reader: SqliteConnection
    writer_id = ""

    def __init__(self, path: Path, writer: SqliteConnection, reader: SqliteConnection, busy_seconds: float) -> None:
        self.path = path
        self.writer = writer
        self.reader = reader
        self._busy_seconds = busy_seconds

    @classmethod
    async def open(cls, path: Path, *, lock_wait: float, busy_seconds: float, connect: Connect) -> SqliteEngine:
        """Makes the file and its folder if they are missing, checks it, brings its tables up to date and opens it.

        While another program has it locked, this waits at most `lock_wait` seconds. Later each transaction waits at
        most `busy_seconds` and then raises StorageUnavailable. Raises a class of DatabaseUnusable.
        """
        await preparation.prepare(path, lock_wait)
        writer = await _prepared(connect(uri(path, "rw"), busy_seconds))
        try:
            reader = await _prepared(connect(uri(path, "ro"), busy_seconds))
        except BaseException:
            await writer.close()
            raise
        return cls(path, writer, reader, busy_seconds)

    async def begin(self, *, locks_rows: bool = False) -> None:  # noqa: ARG002  # one transaction at a time
        await self.writer.rows("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        await self.writer.rows("COMMIT")

    async def roll_back(self) -> None:
        try:
            await self.writer.rows("ROLLBACK")
        except StorageUnavailable:
            # BEGIN failed, or SQLite rolled back by itself (a full disk), or the commit succeeded after all.
            return

    async def flush(self) -> bool:
        """Moves what is committed from the write-ahead log into the file and empties the log."""
        try:
            await self.writer.rows(f"PRAGMA busy_timeout = {round(min(_FLUSH_SECONDS, self._busy_seconds) * 1000)}")
            try:
                ((blocked, *_),) = await self.writer.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                await self.writer.rows(f"PRAGMA busy_timeout = {round(self._busy_seconds * 1000)}")
        except StorageUnavailable as error:
            log.warning("the write-ahead log could not be emptied, trying again later: %s", error)
            return False
        if blocked:
            log.info("the write-ahead log could not be emptied while it is being read, trying again later")
        return not blocked

    async def delete_old_copies(self, before: int) -> None:
        await asyncio.to_thread(migrate.delete_old_copies, self.path, before)

    async def close(self) -> None:
        await run_to_completion(self.reader.close())
        await run_to_completion(self.writer.close())


@asynccontextmanager
async def open_reader(path: Path) -> AsyncIterator[Connection]:
    """A connection to an existing database that only reads, for `check` and metrics beside a running bot."""
    # A read-only connection would leave SQLite's companion files behind if it closes last.
    connection = await _prepared(connect_in_thread(uri(path, "rw"), BUSY_SECONDS))
    try:
        await connection.rows("PRAGMA query_only = ON")
        yield connection
    finally:
        await run_to_completion(connection.close())


class _OwnErrors:
    """Turns errors of SQLite into StorageErrors, so that no SQLite error leaves `storage`. It surrounds every
    statement, so it does as little as possible."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            raise StorageUnavailable(str(error)) from error
        if isinstance(error, sqlite3.Error):
            raise StorageError(str(error)) from error


_OWN_ERRORS = _OwnErrors()


async def _prepared(connecting: Awaitable[aiosqlite.Connection]) -> SqliteConnection:
    with _OWN_ERRORS:
        connection = await connecting
    connection.row_factory = sqlite3.Row
    try:
        with _OWN_ERRORS:
            for pragma in preparation.PRAGMAS:
                await connection.execute_fetchall(pragma)
    except BaseException:
        # A connection that is left open keeps its thread, and with it the process, alive.
        await run_to_completion(connection.close())
        raise
    return SqliteConnection(connection)
