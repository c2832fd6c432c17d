"""Reading and writing: `Queries` reads, and a `Transaction`, never mixed with another one, is the only way to write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar, get_args, get_type_hints

from settings import DatabasePlace
from storage.engines.interface import Column, Connection, Engine, Row, SqlValue, Use
from storage.engines.opening import connected_reader, open_engine
from storage.engines.sqlite.engine import BUSY_SECONDS, Connect, connect_in_thread
from storage.engines.sqlite.preparation import LOCK_WAIT_SECONDS
from storage.errors import StorageUnavailable, TransactionMisused
from storage.run_to_completion import run_to_completion

_T = TypeVar("_T")


def columns(kind: type[Any], table: str = "") -> str:
    """The columns that `row_as` needs for this dataclass, as SQL; with the table's name before each if one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(f"{prefix}{field.name}" for field in fields(kind))


def row_as(kind: Callable[..., _T], row: Row) -> _T:
    """The row as this dataclass: each field takes the column of its name. Flags and enums are converted."""
    values = dict(zip(row.keys(), row, strict=True))  # `dict(row)` looks each name up, which takes longer.
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
    """The row, which must be there. Raises LookupError if it is not."""
    if row is None:
        raise LookupError("a row that must be there is not")
    return row


class Queries:
    """Reads over a connection. A query sees what is committed, and in a transaction that transaction's writes too."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.dialect = connection.dialect
        """The SQL in which the engines differ."""

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        """Every row. In a transaction this and the methods below also take statements with RETURNING."""
        return await self._connection.rows(sql, parameters)

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
        """The first column of the first row; None if there is no row."""
        row = await self.one(sql, parameters)
        return None if row is None else row[0]

    async def count(self, rows: str, parameters: Sequence[SqlValue] = ()) -> int:
        """How many rows there are; `rows` is the SQL after FROM."""
        return int(await self.value(f"SELECT count(*) FROM {rows}", parameters) or 0)


class Transaction(Queries):
    """An open transaction. It can be used only inside its `async with`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._open = True

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        self._check_open()
        return await super().all(sql, parameters)

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Executes a statement; returns how many rows it changed."""
        self._check_open()
        return await self._connection.run(sql, parameters)

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
    """The bot's database: a writer with one transaction at a time, and a reader beside it."""

    def __init__(self, place: DatabasePlace, engine: Engine) -> None:
        self.place = place
        self.reader = Queries(engine.reader)
        """Cannot write; sees only what is committed."""
        self._engine = engine
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[object] | None = None
        self.refused = asyncio.Event()
        """Set whenever the database refuses a transaction or `in_doubt` becomes true. The code that waits for it clears
        it."""
        self.in_doubt = False
        """Whether a transaction may have been committed without its caller knowing: the commit's result was lost, or
        the caller was cancelled. The code that has everything read again clears it."""
        self.flush_owed = False
        """Whether overwritten data may still be in a log, so that `flush` has to be called again."""

    @classmethod
    async def open(
        cls,
        place: DatabasePlace,
        *,
        lock_wait: float = LOCK_WAIT_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
        connect: Connect = connect_in_thread,
        use: Use = Use.BOT,
    ) -> Self:
        """Checks the database, makes its tables or brings them up to date, and opens it.

        While another program has it locked, this waits at most `lock_wait` seconds. Later each transaction waits at
        most `busy_seconds` and then raises StorageUnavailable. Raises a class of DatabaseUnusable, and on PostgreSQL
        AlreadyRunning if a connection is open that `use` rules out; with SQLite the caller holds `instance_lock`.
        `connect` opens a connection to SQLite.
        """
        engine = await open_engine(place, lock_wait=lock_wait, busy_seconds=busy_seconds, connect=connect, use=use)
        return cls(place, engine)

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        if isinstance(self.place, Path):
            return self.place
        raise TypeError("a PostgreSQL database is no file")

    @property
    def writer_id(self) -> str:
        """Identifies this object's changes in the table `changes`; empty if it is the only writer."""
        return self._engine.writer_id

    @property
    def server(self) -> str:
        """Identifies the run of the database server that the last transaction reached; empty if there is no server."""
        return self._engine.server

    @asynccontextmanager
    async def transaction(self, *, locks_rows: bool = False) -> AsyncIterator[Transaction]:
        """Opens a transaction, the only way to write. It is committed at the end of the block, and rolled back if the
        block raises or is cancelled. Once the commit has begun, a cancellation waits for its end.

        There is one transaction at a time: another task waits, and another process too, unless both say `locks_rows`.
        Such a transaction reads only rows that it has locked (`dialect.for_update()`), or changes rows without having
        read them. Raises TransactionMisused inside another transaction of the same task, and StorageError if the
        database refuses, in which case nothing is written.
        """
        task = asyncio.current_task()
        if self._owner is not None and self._owner is task:
            raise TransactionMisused("this task has a transaction open already")
        async with self._lock:
            self._owner = task
            transaction = Transaction(self._engine.writer)
            try:
                await run_to_completion(self._engine.begin(locks_rows=locks_rows))
                yield transaction
                transaction.close()
                await self._commit()
            except BaseException as error:
                if isinstance(error, StorageUnavailable):
                    self.refused.set()
                transaction.close()
                await run_to_completion(self._engine.roll_back())
                raise
            finally:
                self._owner = None

    async def _commit(self) -> None:
        try:
            await run_to_completion(self._engine.commit())
        except (StorageUnavailable, asyncio.CancelledError):
            self.in_doubt = True
            self.refused.set()
            raise

    async def probe_write(self, now: int) -> None:
        """Commits a few bytes: only a write shows whether the database accepts one (the disk may be full or have turned
        read-only). Raises StorageError or OSError if it doesn't."""
        async with self.transaction() as tx:
            await put_meta(tx, "health", str(now).encode())

    async def flush(self) -> bool:
        """Removes from the engine's log what was overwritten in the database; returns whether that is done.

        It is not done while another program reads the database; `flush_owed` says so until a later call succeeds. That
        is not an error: what was committed stays.
        """
        async with self._lock:
            self.flush_owed = not await run_to_completion(self._engine.flush())
        return not self.flush_owed

    async def delete_old_copies(self, before: int) -> None:
        """Deletes the copies that were made before this time (milliseconds UTC) for a migration. Raises OSError."""
        await self._engine.delete_old_copies(before)

    async def close(self) -> None:
        """Closes every connection, after the transaction in progress."""
        async with self._lock:
            await run_to_completion(self._engine.close())


async def get_meta(queries: Queries, name: str) -> bytes | None:
    """A fact about the database as a whole, by its name; None if it is not stored."""
    return await queries.value("SELECT value FROM meta WHERE name = ?", (name,))


async def put_meta(tx: Transaction, name: str, value: bytes) -> None:
    """Stores a fact about the database as a whole, in place of an earlier value."""
    await tx.run(
        "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


@asynccontextmanager
async def open_reader(place: DatabasePlace) -> AsyncIterator[Queries]:
    """Opens an existing database for reading only, beside a running bot."""
    async with connected_reader(place) as connection:
        yield Queries(connection)
