"""The two ends of a copy, which differ by engine: a source that no bot changes, a target that gets all or nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from settings import DatabasePlace
from storage.engines import opening
from storage.engines.interface import Engine, Row, SqlValue, Use
from storage.engines.sqlite import preparation
from storage.engines.sqlite.engine import BUSY_SECONDS, SqliteEngine, connect_in_thread
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import AlreadyRunning, StorageError
from storage.files import make_folder, sync_file, sync_folder
from storage.run_to_completion import run_to_completion

if TYPE_CHECKING:
    from storage.database import Queries, Transaction
    from storage.engines.postgres.engine import PostgresEngine

_REMAINDER = 1_000_003
"""Numbers are compared by the sum of their remainders: sums of Discord's ids would be too large for SQLite."""

StillUnused = Callable[[], Awaitable[None]]


class CopyRefused(Exception):
    """Nothing was copied; `str()` is one line saying why."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as one of the engines has it."""

    name: str
    kinds: Mapping[str, str]
    """What each column holds: `number`, `flag`, `text` or `bytes`. Columns that the engine computes are left out."""
    weight: Mapping[str, str]
    """SQL for what is summed to compare a column of each kind; `{}` stands for the column."""

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return sorted(self.kinds)

    def values(self, row: Row) -> Iterable[SqlValue]:
        """The row's values, in the order of `columns`, as this engine takes them."""
        for name in self.columns:
            value = row[name]
            yield bool(value) if self.kinds[name] == "flag" and value is not None else value

    def sums(self) -> str:
        """SQL that counts the rows, and for each column counts its values and sums their weight."""
        parts = ["count(*)"]
        for name in self.columns:
            weight = self.weight[self.kinds[name]].format(name)
            parts += [f"count({name})", f"coalesce(sum({weight}), 0)"]
        return f"SELECT {', '.join(parts)} FROM {self.name}"


_SQLITE_KINDS = {"INTEGER": "number", "TEXT": "text", "BLOB": "bytes"}
_SQLITE_WEIGHT = {
    "number": f"{{}} % {_REMAINDER}",
    # PostgreSQL can't store the NUL character; U+FFFD takes its place.
    "text": "length(CAST(replace({}, char(0), char(65533)) AS BLOB))",
    "bytes": "length({})",
}
_POSTGRES_KINDS = {"bigint": "number", "boolean": "flag", "text": "text", "bytea": "bytes"}
_POSTGRES_WEIGHT = {
    "number": f"{{}} % {_REMAINDER}",
    "flag": "CAST({} AS integer)",
    "text": "octet_length({})",
    "bytes": "octet_length({})",
}


_POSTGRES_COLUMNS = """
SELECT column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = ? AND is_generated = 'NEVER'
"""


async def table(place: DatabasePlace, queries: Queries, name: str, without: Sequence[str]) -> Table:
    """A table of the database, without these columns."""
    if isinstance(place, Path):
        rows = await queries.all(f"SELECT name, type FROM pragma_table_xinfo('{name}') WHERE hidden = 0")
        kinds, weight = _SQLITE_KINDS, _SQLITE_WEIGHT
    else:
        rows = await queries.all(_POSTGRES_COLUMNS, (name,))
        kinds, weight = _POSTGRES_KINDS, _POSTGRES_WEIGHT
    return Table(name, {row["name"]: kinds[row["type"]] for row in rows if row["name"] not in without}, weight)


async def highest_id(place: DatabasePlace, queries: Queries, name: str) -> int:
    """The highest id that was ever used in a table, also by a row that has been deleted: no id may be used twice."""
    highest = int(await queries.value(f"SELECT coalesce(max(id), 0) FROM {name}") or 0)
    if isinstance(place, Path):
        given = await queries.value("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,))
    else:
        given = await queries.value("SELECT pg_sequence_last_value(pg_get_serial_sequence(?, 'id'))", (name,))
    return max(highest, int(given or 0))


async def set_highest_id(place: DatabasePlace, tx: Transaction, name: str, highest: int) -> None:
    """Makes all new ids in the table higher than this one."""
    if isinstance(place, Path):
        if not await tx.run("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (highest, name)):
            await tx.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, highest))
    elif highest:
        await tx.value("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", (name, highest))


@asynccontextmanager
async def unused_source(source: DatabasePlace) -> AsyncIterator[StillUnused]:
    """Keeps bots from working with the database while the context is open. Raises CopyRefused if one does already.

    Call what it yields at the end: it raises CopyRefused if bots were not kept away all the time.
    """
    await opening.require(source)
    with _refusing():
        if isinstance(source, Path):
            with InstanceLock(source):
                yield _always
            return
        from storage.engines.postgres.engine import PostgresEngine

        engine = await PostgresEngine.open(source, lock_wait=0.0, use=Use.ALONE, make_tables=False)

        async def still_unused() -> None:
            try:
                await engine.writer.rows("SELECT 1")
            except StorageError as error:
                raise CopyRefused(
                    f"The connection that keeps bots away from {source} was lost, so the copy was given up. Try again."
                ) from error

        try:
            yield still_unused
        finally:
            await run_to_completion(engine.close())


async def _always() -> None:
    return


@asynccontextmanager
async def empty_target(target: DatabasePlace, tables: Iterable[str]) -> AsyncIterator[Engine]:
    """Opens the database to write to. Write everything in one transaction; without its commit, the target stays as it
    was. Raises CopyRefused if the target is not empty or a bot works with it.
    """
    if isinstance(target, Path):
        async with _new_file(target, tables) as engine:
            yield engine
        return
    from storage.engines.postgres.engine import PostgresEngine

    with _refusing():
        opened = await PostgresEngine.open(target, lock_wait=0.0, use=Use.ALONE, make_tables=False)
    try:
        yield opened
    finally:
        await run_to_completion(opened.close())


async def make_tables(engine: Engine, tables: Iterable[str]) -> None:
    """Makes the tables within the open transaction (a new SQLite file has them already), and switches triggers off."""
    if not isinstance(engine, SqliteEngine):
        await cast("PostgresEngine", engine).make_tables()
        for name in tables:
            await engine.writer.run(f"ALTER TABLE {name} DISABLE TRIGGER USER")


async def finish_tables(engine: Engine, tables: Iterable[str]) -> None:
    """Makes the tables ready for a bot, before the transaction is committed."""
    if not isinstance(engine, SqliteEngine):
        for name in tables:
            await engine.writer.run(f"ALTER TABLE {name} ENABLE TRIGGER USER")
            await engine.writer.run(f"ANALYZE {name}")


@asynccontextmanager
async def _new_file(target: Path, tables: Iterable[str]) -> AsyncIterator[Engine]:
    """Makes a file under another name, which is renamed once it is whole."""
    make_folder(target)
    with _refusing(), InstanceLock(target):
        if target.exists() and target.stat().st_size and await preparation.examine(target):
            async with opening.connected_reader(target) as reader:
                for name in tables:
                    if await reader.rows(f"SELECT 1 FROM {name} LIMIT 1"):
                        raise holds_something(target)
        part = target.with_name(target.name + ".part")
        _remove(part)
        try:
            engine = await SqliteEngine.open(part, lock_wait=0.0, busy_seconds=BUSY_SECONDS, connect=connect_in_thread)
            try:
                yield engine
            finally:
                await engine.close()
            sync_file(part)
            os.replace(part, target)
            sync_folder(target.parent)
        finally:
            _remove(part)


def holds_something(target: DatabasePlace) -> CopyRefused:
    """The error to raise for a target that is not empty."""
    return CopyRefused(f"The database {target} is not empty. Name an empty one.")


def _remove(part: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        part.with_name(part.name + ending).unlink(missing_ok=True)


@contextmanager
def _refusing() -> Iterator[None]:
    """Turns the errors that a bot is running, or that a file cannot be written, into CopyRefused."""
    try:
        yield
    except AlreadyRunning as error:
        raise CopyRefused(f"{error} Nothing was copied.") from error
    except OSError as error:
        raise CopyRefused(f"The copy cannot be written ({error.strerror}). Is there room?") from error
