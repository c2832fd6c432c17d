from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from settings import PostgresUrl
from tests.postgres_server import PostgresServer
from tests.tcp_proxy import TcpProxy


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    """A database with the bot's tables and no rows."""
    made = postgres_server.new_database()
    yield made
    postgres_server.drop(made)


@pytest.fixture
def empty(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    """A database without tables."""
    made = postgres_server.new_database(tables=False)
    yield made
    postgres_server.drop(made)


@pytest.fixture
async def proxy(postgres_server: PostgresServer) -> AsyncIterator[TcpProxy]:
    """A TCP proxy in front of the server."""
    async with TcpProxy.to(postgres_server.port) as opened:
        yield opened
