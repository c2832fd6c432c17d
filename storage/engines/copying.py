"""The two ends of a copy: a source that nobody changes meanwhile, and a target that holds everything or nothing."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from settings import DatabasePlace
from storage.engines import opening
from storage.engines.interface import Engine, Row, SqlValue, Use
from storage.engines.sqlite import opening as sqlite_opening
from storage.engines.sqlite.engine import BUSY_SECONDS, SqliteEngine, connect_in_thread
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import AlreadyRunning
from storage.files import make_folder, sync_file, sync_folder
from storage.to_the_end import to_the_end

if TYPE_CHECKING:
    from storage.engines.postgres.engine import PostgresEngine

_REMAINDER = 1_000_003
"""Sums of Discord's ids are larger than SQLite's numbers; of their remainders they are not."""


class CopyRefused(Exception):
    """Nothing was copied; `str()` is one line saying why."""


class Asking(Protocol):
    """What is needed of a reader or a transaction."""

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]: ...


@dataclass(frozen=True, slots=True)
class Table:
    """A table as one of the engines has it."""

    name: str
    kinds: Mapping[str, str]
    """Of each column that holds a value of its own: `number`, `flag`, `text` or `bytes`."""
    length: Mapping[str, str]
    """How the engine counts the bytes of a column of each kind."""

    @property
    def columns(self) -> list[str]:
        """Their names."""
        return sorted(self.kinds)

    def values(self, row: Row) -> Iterable[SqlValue]:
        """The row's values, in the order of `columns`, as this engine takes them."""
        for name in self.columns:
            value = row[name]
            yield bool(value) if self.kinds[name] == "flag" and value is not None else value

    def sums(self, columns: Sequence[str]) -> str:
        """Asks for the number of rows, and of each column how many values there are, and their sum or their bytes."""
        parts = ["count(*)"]
        for name in columns:
            weight = self.length[self.kinds[name]].format(name)
            parts += [f"count({name})", f"coalesce(sum({weight}), 0)"]
        return f"SELECT {', '.join(parts)} FROM {self.name}"


_SQLITE_KINDS = {"INTEGER": "number", "TEXT": "text", "BLOB": "bytes"}
_SQLITE_LENGTH = {
    "number": f"{{}} % {_REMAINDER}",
    # PostgreSQL's texts hold no zero character; another one stands in its place.
    "text": "length(CAST(replace({}, char(0), char(65533)) AS BLOB))",
    "bytes": "length({})",
}
_POSTGRES_KINDS = {"bigint": "number", "boolean": "flag", "text": "text", "bytea": "bytes"}
_POSTGRES_LENGTH = {
    "number": f"{{}} % {_REMAINDER}",
    "flag": "CAST({} AS integer)",
    "text": "octet_length({})",
    "bytes": "octet_length({})",
}


_POSTGRES_COLUMNS = """
SELECT column_name AS name, data_type AS type FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = ? AND is_generated = 'NEVER'
"""


async def table(place: DatabasePlace, asking: Asking, name: str, without: Sequence[str]) -> Table:
    """A table of the database, without these columns and those that the engine computes."""
    if isinstance(place, Path):
        rows = await asking.all(f"SELECT name, type FROM pragma_table_xinfo('{name}') WHERE hidden = 0")
        kinds, length = _SQLITE_KINDS, _SQLITE_LENGTH
    else:
        rows = await asking.all(_POSTGRES_COLUMNS, (name,))
        kinds, length = _POSTGRES_KINDS, _POSTGRES_LENGTH
    return Table(name, {row["name"]: kinds[row["type"]] for row in rows if row["name"] not in without}, length)


async def highest_number(place: DatabasePlace, asking: Asking, name: str) -> int:
    """The highest id that was ever given in a table that has ids; none is to be given twice."""
    (row,) = await asking.all(f"SELECT coalesce(max(id), 0) AS number FROM {name}")
    if isinstance(place, Path):
        given = await asking.all("SELECT seq AS number FROM sqlite_sequence WHERE name = ?", (name,))
    else:
        sql = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(?, 'id')), 0) AS number"
        given = await asking.all(sql, (name,))
    return max(int(found["number"]) for found in (row, *given))


async def set_highest_number(place: DatabasePlace, asking: Asking, name: str, number: int) -> None:
    """From now on ids in the table are higher than this one."""
    if isinstance(place, Path):
        await asking.all("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (number, name))
        sql = """
        INSERT INTO sqlite_sequence (name, seq)
        SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)
        """
        await asking.all(sql, (name, number))
    elif number:
        await asking.all("SELECT setval(pg_get_serial_sequence(?, 'id'), ?)", (name, number))


@asynccontextmanager
async def held(source: DatabasePlace) -> AsyncIterator[None]:
    """No bot works with the database meanwhile. Raises CopyRefused where one does."""
    await opening.require(source)
    with _refusing():
        if isinstance(source, Path):
            with InstanceLock(source):
                yield
            return
        from storage.engines.postgres.engine import PostgresEngine

        engine = await PostgresEngine.open(source, lock_wait=0.0, use=Use.ALONE, make_tables=False)
        try:
            yield
        finally:
            await to_the_end(engine.close())


@asynccontextmanager
async def empty_target(target: DatabasePlace, tables: Iterable[str]) -> AsyncIterator[Engine]:
    """The database to write to, in one transaction: what is not committed in it was never there.

    Raises CopyRefused where it holds something or a bot works with it.
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
        await to_the_end(opened.close())


async def make_tables(engine: Engine, tables: Iterable[str]) -> None:
    """Makes the tables in the open transaction; a new file has them already. No trigger notes what is copied."""
    if not isinstance(engine, SqliteEngine):
        await cast("PostgresEngine", engine).make_tables()
        for name in tables:
            await engine.writer.run(f"ALTER TABLE {name} DISABLE TRIGGER USER")


async def finish_tables(engine: Engine, tables: Iterable[str]) -> None:
    """Readies the tables for a bot, before the transaction is committed."""
    if not isinstance(engine, SqliteEngine):
        for name in tables:
            await engine.writer.run(f"ALTER TABLE {name} ENABLE TRIGGER USER")
            await engine.writer.run(f"ANALYZE {name}")


@asynccontextmanager
async def _new_file(target: Path, tables: Iterable[str]) -> AsyncIterator[Engine]:
    """A file under another name, which gets its own when it is whole."""
    make_folder(target)
    with _refusing(), InstanceLock(target):
        if target.exists() and target.stat().st_size and await sqlite_opening.examine(target):
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
    """For a target that is not empty."""
    return CopyRefused(f"The database {target} holds something already. Name an empty one.")


def _remove(part: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        part.with_name(part.name + ending).unlink(missing_ok=True)


@contextmanager
def _refusing() -> Iterator[None]:
    """That a bot is running, or a file cannot be written, is a reason not to copy."""
    try:
        yield
    except AlreadyRunning as error:
        raise CopyRefused(f"{error} Nothing was copied.") from error
    except OSError as error:
        raise CopyRefused(f"The copy cannot be written ({error.strerror}). Is there room?") from error
