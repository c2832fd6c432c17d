from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.relay.relay_fixture import RelayFixture, open_database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[RelayFixture]:
    made = RelayFixture(database)
    yield made
    await made.close()
