"""Chooses the engine of a database. No other module knows both engines, except `copy_source_and_target.py`.

PostgreSQL's modules are imported only when they are used, so that a bot on SQLite does not need its driver.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

from settings import DatabasePlace, PostgresUrl
from storage.engines import migrations
from storage.engines.interface import Connection, Engine, Use
from storage.engines.sqlite import engine as sqlite_engine
from storage.engines.sqlite import preparation
from storage.engines.sqlite.engine import Connect, SqliteEngine
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import DatabaseUnreachable, DatabaseUnusable
from storage.files import require_file


class DriverMissing(DatabaseUnusable):
    """The packages that PostgreSQL needs are not installed."""


def instance_lock(place: DatabasePlace) -> AbstractContextManager[object]:
    """A lock to hold while a bot works with an SQLite database. For PostgreSQL it does nothing: `Database.open` locks.
    Entering it raises AlreadyRunning or a class of DatabaseUnusable.
    """
    if isinstance(place, PostgresUrl):
        return nullcontext()
    preparation.make_file(place)
    return InstanceLock(place)


async def open_engine(
    place: DatabasePlace, *, lock_wait: float, busy_seconds: float, connect: Connect, use: Use
) -> Engine:
    """Opens the database as `Database.open` says."""
    if isinstance(place, Path):
        return await SqliteEngine.open(place, lock_wait=lock_wait, busy_seconds=busy_seconds, connect=connect)
    _require_driver(place)
    from storage.engines.postgres.engine import PostgresEngine

    return await PostgresEngine.open(place, lock_wait=lock_wait, use=use)


async def examine(place: DatabasePlace) -> int:
    """Checks a database as a start does, but makes and migrates nothing; returns the version of its tables.

    Raises a class of DatabaseUnusable.
    """
    if isinstance(place, Path):
        return await preparation.examine(place)
    _require_driver(place)
    from storage.engines.postgres import engine as postgres_engine

    return await postgres_engine.examine(place, preparation.LOCK_WAIT_SECONDS)


def may_be_migrated(place: DatabasePlace) -> bool:
    """Whether a start may migrate the database, as far as can be seen now. On PostgreSQL it always may."""
    return isinstance(place, PostgresUrl) or preparation.may_be_migrated(place)


async def require(place: DatabasePlace) -> None:
    """Raises DatabaseUnreachable if the bot has no database there yet, and on PostgreSQL what `examine` raises."""
    if isinstance(place, Path):
        require_file(place)
    elif not await examine(place):
        raise DatabaseUnreachable(f"The database {place} is empty. The first start creates its tables.")


async def is_in_use(place: DatabasePlace) -> bool:
    """Whether a bot works with the database."""
    if isinstance(place, Path):
        return InstanceLock(place).is_held()
    from storage.engines.postgres import engine as postgres_engine

    return await postgres_engine.is_in_use(place)


def newest_tables(place: DatabasePlace) -> int:
    """The version to which a start brings the database's tables."""
    return migrations.newest(migrations.load("sqlite" if isinstance(place, Path) else "postgres"))


@asynccontextmanager
async def connected_reader(place: DatabasePlace) -> AsyncIterator[Connection]:
    """A connection to an existing database that only reads."""
    if isinstance(place, Path):
        async with sqlite_engine.open_reader(place) as connection:
            yield connection
    else:
        from storage.engines.postgres import engine as postgres_engine

        async with postgres_engine.open_reader(place) as reader:
            yield reader


def _require_driver(url: PostgresUrl) -> None:
    if not all(find_spec(name) for name in ("psycopg", "psycopg_pool")):
        raise DriverMissing(
            f"DATABASE_URL names the PostgreSQL database {url}, and its driver is not installed. Run make postgres."
        )
