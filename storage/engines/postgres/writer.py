"""The one connection that writes, and with it the lock that keeps a second bot from the database.

The lock is an advisory lock of this very session, so no process that has lost it can commit anything: the server gives
it up together with the session. A process whose connection was lost takes it again before it writes anything; where
another one has it by then, it writes nothing more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg.pq import TransactionStatus

from settings import PostgresUrl
from storage.engines import interface
from storage.engines.interface import Column, Row, SqlValue
from storage.engines.postgres import connecting
from storage.engines.postgres.connecting import Connection, bounded
from storage.engines.postgres.dialect import PostgresDialect, bound
from storage.engines.postgres.errors import OWN_ERRORS
from storage.errors import AlreadyRunning, StorageError, StorageUnavailable

LOCK = 0x50785279
"""The lock's number within the database."""
_LOCK_SECONDS = 5.0
"""How long the lock of a process that has just ended is waited for: the server has to notice its end."""
_CERTAINTY_SECONDS = 8.0
"""For how long it is asked what became of a commit whose answer was lost."""
_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '5s';
SELECT CAST(pg_current_xact_id() AS text)
"""


@dataclass(frozen=True, slots=True)
class _Session:
    """What the server calls a connection."""

    pid: int
    began: str
    server_began: str


class PostgresWriter(interface.Connection):
    """Connects again by itself after the connection was lost."""

    dialect = PostgresDialect()

    def __init__(self, url: PostgresUrl, parameters: str) -> None:
        self._url = url
        self._parameters = parameters
        self._connection: Connection | None = None
        self._session: _Session | None = None
        self._transaction = ""

    async def open(self) -> Connection:
        """Connects and takes the lock. Raises AlreadyRunning and psycopg.Error."""
        connection = await connecting.connect(self._parameters)
        try:
            if not await self._lock(connection):
                raise AlreadyRunning(
                    f"Another relay bot is running with the database {self._url}. "
                    "Stop that one first, or give this one another DATABASE_URL."
                )
            self._session = await _session(connection)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        return connection

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        cursor = await self._execute(sql, parameters)
        with OWN_ERRORS:
            return await cursor.fetchall() if cursor.description else []

    async def column(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[Column]:
        return [row[0] for row in await self.rows(sql, parameters)]

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        return (await self._execute(sql, parameters)).rowcount

    async def begin(self) -> None:
        """Begins a transaction, on a new connection where the last one is lost: nothing can have happened yet."""
        with OWN_ERRORS:
            lost = self._connection
            try:
                await self._begin()
            except psycopg.Error:
                if lost is None or not lost.closed:
                    raise
                await self._begin()

    async def commit(self) -> None:
        """Commits. Where the connection is lost meanwhile, the server is asked what became of it.

        Raises StorageError where nothing is written, and StorageUnavailable too where nobody knows.
        """
        connection = self._open_connection()
        with OWN_ERRORS:
            try:
                with bounded(connection):
                    cursor = await connection.execute("COMMIT")
            except psycopg.Error:
                if not connection.closed or not await self._was_committed():
                    raise
                return
        if cursor.statusmessage != "COMMIT":
            raise StorageError("a statement of this transaction has failed, and so nothing of it is written")

    async def roll_back(self) -> None:
        """Undoes the transaction. The server does that by itself where the connection is lost."""
        connection = self._connection
        if connection is None or connection.info.transaction_status is TransactionStatus.IDLE:
            return
        try:
            with bounded(connection):
                await connection.execute("ROLLBACK")
        except psycopg.Error:
            await connection.close()

    async def close(self) -> None:
        """Ends the connection, and with it the lock."""
        if self._connection is not None:
            await self._connection.close()

    def _open_connection(self) -> Connection:
        if self._connection is None:
            raise StorageUnavailable("there is no connection to the database")
        return self._connection

    async def _execute(self, sql: str, parameters: Sequence[SqlValue]) -> psycopg.AsyncCursor[connecting.NamedRow]:
        connection = self._open_connection()
        text, values = bound(sql, parameters)
        with OWN_ERRORS, bounded(connection):
            return await connection.execute(text.encode(), values)

    async def _begin(self) -> None:
        connection = await self._connected()
        with bounded(connection):
            cursor = await connection.execute(_BEGIN)
            while cursor.nextset():
                pass
            row = await cursor.fetchone()
        self._transaction = row[0] if row is not None else ""

    async def _connected(self) -> Connection:
        """The connection, made again where it is lost. Raises StorageUnavailable where another bot has the lock."""
        if self._connection is None or self._connection.closed:
            connection = await connecting.connect(self._parameters)
            try:
                await self._end_lost_session(connection)
                if not await self._lock(connection):
                    raise StorageUnavailable("another relay bot works with the database by now")
                self._session = await _session(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _lock(self, connection: Connection) -> bool:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            with bounded(connection):
                row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,))).fetchone()
            if row is not None and row[0]:
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.1)

    async def _end_lost_session(self, connection: Connection) -> None:
        """The server may not have noticed yet that the connection before was lost."""
        if self._session is not None:
            with bounded(connection):
                await connection.execute(
                    """
                    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE pid = %s AND CAST(backend_start AS text) = %s
                    """,
                    (self._session.pid, self._session.began),
                )

    async def _was_committed(self) -> bool:
        """Whether the server has committed the transaction whose answer was lost.

        Its number tells nothing after the server was started again. Raises StorageUnavailable where nobody knows.
        """
        lost, transaction = self._session, self._transaction
        deadline = time.monotonic() + _CERTAINTY_SECONDS
        while time.monotonic() < deadline:
            try:
                connection = await self._connected()
                if self._session is None or lost is None or self._session.server_began != lost.server_began:
                    break
                with bounded(connection):
                    row = await (
                        await connection.execute("SELECT pg_xact_status(CAST(%s AS xid8))", (transaction,))
                    ).fetchone()
                status = row[0] if row is not None else None
                if status != "in progress":
                    return bool(status == "committed")
            except psycopg.Error:
                pass
            await asyncio.sleep(0.2)
        raise StorageUnavailable("the connection was lost in a commit, and nobody knows whether it is written")


async def _session(connection: Connection) -> _Session:
    with bounded(connection):
        cursor = await connection.execute(
            """
            SELECT pid, CAST(backend_start AS text) AS began, CAST(pg_postmaster_start_time() AS text) AS server_began
            FROM pg_stat_activity WHERE pid = pg_backend_pid()
            """
        )
        row = await cursor.fetchone()
    if row is None:
        raise StorageUnavailable("the server does not tell of this session")
    return _Session(row["pid"], row["began"], row["server_began"])
