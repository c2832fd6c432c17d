"""An open PostgreSQL database: one connection that writes, and a pool of connections that read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from settings import PostgresUrl
from storage.engines import interface, migrations
from storage.engines.interface import Row, SqlValue, Use
from storage.engines.postgres import connecting, errors, tables
from storage.engines.postgres.connecting import Connection, bounded, parameters_of
from storage.engines.postgres.dialect import PostgresDialect, bound
from storage.engines.postgres.errors import OWN_ERRORS
from storage.engines.postgres.writer import LOCK, PostgresWriter
from storage.errors import DatabaseRefused, DatabaseTooOld, StorageError
from storage.run_to_completion import run_to_completion

OLDEST_SERVER = 15
_MAX_READERS = 4
_PATIENCE_SECONDS = 5.0
"""How long a query waits for a connection of the pool."""
_ATTEMPTS = _MAX_READERS + 1
"""All connections of the pool may be lost at once."""
_SHORTEST_LOCK_WAIT = 1.0
_LOCK_HELD = """
SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = 0 AND objid = ? AND objsubid = 1
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_READING = ("SELECT", "WITH")


class PostgresReader(interface.Connection):
    """Reads over any free connection of the pool, and again over another one if the connection was lost."""

    dialect = PostgresDialect()

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool

    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        if not sql.lstrip().startswith(_READING):
            raise StorageError("the reader is readonly")
        patient_until = time.monotonic() + _PATIENCE_SECONDS
        with OWN_ERRORS:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return await self._read(sql, parameters)
                except psycopg.Error as error:
                    if not errors.is_repeatable(error):
                        raise
                    if time.monotonic() >= patient_until:
                        raise
            return await self._read(sql, parameters)

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:  # noqa: ARG002
        raise StorageError("the reader is readonly")

    async def _read(self, sql: str, parameters: Sequence[SqlValue]) -> Sequence[Row]:
        text, values = bound(sql, parameters)
        async with self._pool.connection() as connection:
            with bounded(connection):
                return await (await connection.execute(text.encode(), values)).fetchall()


class PostgresEngine(interface.Engine):
    """A PostgreSQL database that is open for this process."""

    writer: PostgresWriter
    reader: PostgresReader

    def __init__(self, url: PostgresUrl, writer: PostgresWriter, pool: AsyncConnectionPool[Connection]) -> None:
        self._url = url
        self.writer = writer
        self.writer_id = writer.id
        self.reader = PostgresReader(pool)
        self._pool = pool

    @property
    def server(self) -> str:
        return self.writer.server

    @classmethod
    async def open(cls, url: PostgresUrl, *, lock_wait: float, use: Use, make_tables: bool = True) -> PostgresEngine:
        """Checks the server, makes the tables or brings them up to date unless told not to, and opens the database.

        Waits at most `lock_wait` seconds for a server that is starting. Raises a class of DatabaseUnusable, and
        AlreadyRunning if a connection is open that `use` rules out.
        """
        await examine(url, lock_wait)
        parameters = parameters_of(url)
        writer = PostgresWriter(url, parameters, use)
        try:
            connection = await writer.open()
            try:
                if make_tables:
                    await tables.migrate(url, connection, migrations.load("postgres"), lock_wait)
                    await tables.analyze_unknown(connection)
                pool = _pool(parameters, most=1 if use is Use.LEASES else _MAX_READERS)
                await _fill(pool, parameters)
            except BaseException:
                await writer.close()
                raise
        except psycopg.Error as error:
            raise errors.unusable(url, error) from error
        return cls(url, writer, pool)

    async def make_tables(self) -> None:
        """Makes the tables within the open transaction."""
        with OWN_ERRORS:
            await tables.migrate(self._url, self.writer.connection, migrations.load("postgres"))

    async def begin(self, *, locks_rows: bool = False) -> None:
        await self.writer.begin(locks_rows=locks_rows)

    async def commit(self) -> None:
        await self.writer.commit()

    async def roll_back(self) -> None:
        await self.writer.roll_back()

    async def flush(self) -> bool:
        """PostgreSQL's log belongs to the operator: backups and replicas are made from it."""
        return True

    async def delete_old_copies(self, before: int) -> None:
        """Does nothing: no copy is made before a migration, because the server undoes a step that fails."""

    async def close(self) -> None:
        await run_to_completion(self._pool.close())
        await run_to_completion(self.writer.close())


async def examine(url: PostgresUrl, lock_wait: float) -> int:
    """Checks a database as a start does, but makes and migrates nothing; returns the version of its tables.

    Waits at most `lock_wait` seconds for a server that is starting, and for locked tables. Raises a class of
    DatabaseUnusable.
    """
    connection = await _patiently_connected(url, lock_wait)
    try:
        with bounded(connection):
            wait = f"{max(lock_wait, _SHORTEST_LOCK_WAIT)}s"
            await connection.execute("SELECT set_config('lock_timeout', %s, FALSE)", (wait,))
            await _check_server(url, connection)
            return await tables.version(url, connection)
    except psycopg.Error as error:
        raise errors.unusable(url, error) from error
    finally:
        await run_to_completion(connection.close())


@asynccontextmanager
async def open_reader(url: PostgresUrl) -> AsyncIterator[PostgresReader]:
    """A pool of one connection that reads, for `check` and metrics beside a running bot."""
    async with _pool(parameters_of(url), most=1) as pool:
        yield PostgresReader(pool)


async def is_in_use(url: PostgresUrl) -> bool:
    """Whether a bot works with the database. Raises DatabaseUnusable."""
    await examine(url, 0.0)
    async with open_reader(url) as reader:
        return bool(await reader.rows(_LOCK_HELD, (LOCK,)))


def _pool(parameters: str, most: int) -> AsyncConnectionPool[Connection]:
    return AsyncConnectionPool(
        parameters,
        kwargs=connecting.OPTIONS,
        min_size=1,
        max_size=most,
        open=False,
        configure=connecting.ready,
        timeout=_PATIENCE_SECONDS,
        # The pool retries at longer and longer intervals. After this time it gives up, and tries again when a
        # connection is requested, so that after a long outage nobody waits for its next retry.
        reconnect_timeout=_PATIENCE_SECONDS,
        name="reader",
        num_workers=1,
    )


async def _fill(pool: AsyncConnectionPool[Connection], parameters: str) -> None:
    """Opens a pool. Raises psycopg.Error."""
    try:
        await pool.open(wait=True, timeout=_PATIENCE_SECONDS)
    except PoolTimeout:
        # The pool doesn't say why it has no connection; another one says it.
        await (await connecting.connect(parameters)).close()
        raise


async def _patiently_connected(url: PostgresUrl, lock_wait: float) -> Connection:
    parameters = parameters_of(url)
    deadline = time.monotonic() + lock_wait
    while True:
        try:
            return await connecting.connect(parameters)
        except psycopg.Error as error:
            if not errors.may_pass(error) or time.monotonic() >= deadline:
                raise errors.unreachable(url, error) from error
        await asyncio.sleep(0.25)


async def _check_server(url: PostgresUrl, connection: Connection) -> None:
    found = connection.info.server_version // 10_000
    if found < OLDEST_SERVER:
        raise DatabaseTooOld(
            f"The database {url} is PostgreSQL {found}, and this bot needs {OLDEST_SERVER} or newer. Update the server."
        )
    cursor = await connection.execute(
        """
        SELECT pg_is_in_recovery() AS replica, current_setting('server_encoding') AS encoding, pg_backend_pid() AS pid
        """
    )
    row = await cursor.fetchone()
    if row is None or row["replica"]:
        raise errors.read_only(url)
    if row["encoding"] != "UTF8":
        raise DatabaseRefused(
            f"The database {url} is encoded as {row['encoding']}. Create one with ENCODING 'UTF8', and name that."
        )
    if row["pid"] != connection.info.backend_pid:
        raise DatabaseRefused(
            f"The database {url} is reached through a pooler, which would share this bot's lock with others. "
            "Name the server itself in DATABASE_URL."
        )
