"""A connection that writes: one transaction at a time of this process, and in most cases of all processes.

A transaction reads and then writes, and what it has read must not change in between. So it holds a lock of the database
while it is open, as it would with SQLite. A transaction that locks each row before it reads it shares that lock with
others of its kind. The server frees the lock with the transaction. It ends a transaction in which nothing happens for
some seconds, so a process that is halted in a transaction does not block others for long.

Each session of a bot also holds a second lock, which it shares with other bots' sessions. An operator's command that
must run alone takes it exclusively. Correctness does not depend on that lock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import psycopg

from settings import PostgresUrl
from storage.engines import interface
from storage.engines.interface import Row, SqlValue, Use
from storage.engines.postgres import connecting
from storage.engines.postgres.connecting import Connection, bounded
from storage.engines.postgres.dialect import PostgresDialect, bound
from storage.engines.postgres.errors import OWN_ERRORS
from storage.engines.postgres.tables import MARK
from storage.errors import AlreadyRunning, StorageError, StorageUnavailable

LOCK = 0x50785279
"""The number of the sessions' advisory lock within the database."""
_TRANSACTIONS = LOCK + 1
"""The number of the transactions' advisory lock."""
_LOCK_SECONDS = 5.0
"""How long to wait for the sessions' lock: the server may not have noticed yet that a process has ended."""
_CERTAINTY_SECONDS = 8.0
"""For how long the server is asked whether it has done a commit whose response was lost."""
_BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = '8s';
SET LOCAL idle_in_transaction_session_timeout = '5s'; SET LOCAL relay.writer = '{writer}';
{more} SELECT {lock}; SELECT CAST(pg_current_xact_id() AS text), CAST(to_regclass('{mark}') AS oid)
"""
"""The wait for a lock is longer than a halted transaction lasts. The table's number changes when a backup is restored,
which ends no connection."""
_UNHURRIED = "SET LOCAL idle_in_transaction_session_timeout = 0;"
"""For `Use.ALONE`, whose transactions delay nobody."""


@dataclass(frozen=True, slots=True)
class _Session:
    """What identifies a connection at the server."""

    pid: int
    began: str
    server_began: str
    database: int


class PostgresWriter(interface.Connection):
    """Connects again by itself after the connection was lost."""

    dialect = PostgresDialect()

    def __init__(self, url: PostgresUrl, parameters: str, use: Use) -> None:
        self._url = url
        self._parameters = parameters
        self._use = use
        self.id = uuid4().hex
        """Identifies this writer in the table `changes`, however often its connection is made again."""
        self._connection: Connection | None = None
        self._session: _Session | None = None
        self._transaction = ""
        self._tables: int | None = None
        """Identifies the tables that the last transaction used, so that a restored backup is recognised."""

    async def open(self) -> Connection:
        """Connects. Raises psycopg.Error, and AlreadyRunning if a connection is open that `use` rules out."""
        connection = await connecting.connect(self._parameters)
        try:
            if not await self._lock(connection):
                raise AlreadyRunning(
                    f"A relay bot is running with the database {self._url}. Stop every one of them first."
                    if self._use is Use.ALONE
                    else f"The database {self._url} is in use by rotate-key or copy-database. Wait for its end."
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

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        return (await self._execute(sql, parameters)).rowcount

    async def begin(self, *, locks_rows: bool = False) -> None:
        """Begins a transaction, on a new connection if the last one is lost: nothing can have been changed yet.

        `locks_rows`: it reads only rows that it has locked, and may run beside others of its kind.
        """
        with OWN_ERRORS:
            lost = self._connection
            try:
                await self._begin(locks_rows)
            except psycopg.Error:
                if lost is None or not lost.closed:
                    raise
                await self._begin(locks_rows)

    async def commit(self) -> None:
        """Commits. If the connection is lost meanwhile, it asks the server whether the transaction was committed.

        Raises StorageError if nothing is written, and StorageUnavailable also if nobody knows whether it is.
        """
        connection = self.connection
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
        """Undoes the transaction. If the connection is lost, the server does that by itself."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error), bounded(connection):
                await connection.execute("ROLLBACK")

    async def close(self) -> None:
        """Ends the connection."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def server(self) -> str:
        """When the server of the last connection was started, as no two were started at the same microsecond; and which
        tables the last transaction used there."""
        session = self._session
        return "" if session is None else f"{session.server_began}/{session.database}/{self._tables}"

    @property
    def connection(self) -> Connection:
        """The connection, which may be lost. Raises StorageUnavailable if there was none yet."""
        if self._connection is None:
            raise StorageUnavailable("there is no connection to the database")
        return self._connection

    async def _execute(self, sql: str, parameters: Sequence[SqlValue]) -> psycopg.AsyncCursor[connecting.NamedRow]:
        connection = self.connection
        text, values = bound(sql, parameters)
        with OWN_ERRORS, bounded(connection):
            return await connection.execute(text.encode(), values)

    async def _begin(self, locks_rows: bool) -> None:
        connection = await self._connected()
        lock = f"pg_advisory_xact_lock{'_shared' if locks_rows else ''}({_TRANSACTIONS})"
        more = _UNHURRIED if self._use is Use.ALONE else ""
        text = _BEGIN.format(writer=self.id, lock="1" if self._use is Use.LEASES else lock, more=more, mark=MARK)
        with bounded(connection):
            cursor = await connection.execute(text.encode())
            while cursor.nextset():
                pass
            row = await cursor.fetchone()
        self._transaction, self._tables = row if row is not None else ("", None)

    async def _connected(self) -> Connection:
        """The connection, made again if it is lost. Raises StorageUnavailable if a connection is open that `use` rules
        out."""
        if self._connection is None or self._connection.closed:
            connection = await connecting.connect(self._parameters)
            try:
                await self._end_lost_session(connection)
                if not await self._lock(connection):
                    raise StorageUnavailable("a command works with the database that no bot may meet")
                self._session = await _session(connection)
            except BaseException:
                await connection.close()
                raise
            self._connection = connection
        return self._connection

    async def _lock(self, connection: Connection) -> bool:
        shared = "" if self._use is Use.ALONE else "_shared"
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            with bounded(connection):
                row = await (
                    await connection.execute(f"SELECT pg_try_advisory_lock{shared}({LOCK})".encode())
                ).fetchone()
            if row is not None and row[0]:
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(0.1)

    async def _end_lost_session(self, connection: Connection) -> None:
        """Ends the session of the lost connection: the server may not have noticed the loss yet."""
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
        """Whether the server has committed the transaction, if its response to the commit was lost.

        The transaction's number means nothing after a restart of the server. Raises StorageUnavailable if nobody knows.
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
            SELECT pid, CAST(backend_start AS text) AS began,
              CAST(extract(epoch FROM pg_postmaster_start_time()) AS text) AS server_began, datid AS database
            FROM pg_stat_activity WHERE pid = pg_backend_pid()
            """
        )
        row = await cursor.fetchone()
    if row is None:
        raise StorageUnavailable("the server does not tell of this session")
    return _Session(row["pid"], row["began"], row["server_began"], row["database"])
