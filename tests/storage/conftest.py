"""Every test that uses `database` or `place` runs on both engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from settings import DatabasePlace
from storage.database import Database
from tests.postgres_server import PostgresServer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of an SQLite database."""
    return tmp_path / "data" / "relay.db"


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, path: Path) -> Iterator[DatabasePlace]:
    """The location of a new database."""
    if request.param == "sqlite":
        yield path
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.lend()
    yield url
    server.give_back(url)


@pytest.fixture
async def database(place: DatabasePlace) -> AsyncIterator[Database]:
    opened = await Database.open(place)
    yield opened
    await opened.close()


@pytest.fixture
async def sqlite_database(path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(path)
    yield opened
    await opened.close()
