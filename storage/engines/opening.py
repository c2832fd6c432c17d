"""Which engine a database has: the one place that knows them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager

from storage.engines.interface import Connection, DatabasePlace, Engine
from storage.engines.sqlite import engine as sqlite_engine
from storage.engines.sqlite.engine import Connect, SqliteEngine
from storage.engines.sqlite.lock import InstanceLock
from storage.engines.sqlite.opening import make_file


def instance_lock(place: DatabasePlace) -> AbstractContextManager[object]:
    """Held while a bot works with the database. Entering it raises AlreadyRunning or a class of DatabaseUnusable."""
    make_file(place)
    return InstanceLock(place)


async def open_engine(place: DatabasePlace, *, lock_wait: float, busy_seconds: float, connect: Connect) -> Engine:
    """Opens the database as `Database.open` says."""
    return await SqliteEngine.open(place, lock_wait=lock_wait, busy_seconds=busy_seconds, connect=connect)


@asynccontextmanager
async def connected_reader(place: DatabasePlace) -> AsyncIterator[Connection]:
    """A connection to an existing database that can only ask."""
    async with sqlite_engine.open_reader(place) as connection:
        yield connection
