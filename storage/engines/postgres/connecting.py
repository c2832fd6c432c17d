"""Makes connections to PostgreSQL: their time limits, and how values are passed in and out."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, conninfo
from psycopg.rows import RowMaker
from psycopg.types.numeric import Int8Dumper
from psycopg.types.string import StrDumperUnknown

from settings import PostgresUrl
from storage.engines.interface import Column
from storage.errors import DatabaseUnreachable

STATEMENT_SECONDS = 30.0
"""How long the server may take to respond before the connection counts as lost."""
_DEFAULTS = {
    "application_name": "pixverse-relay",
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "target_session_attrs": "read-write",
}
"""Parameters of a connection; the address may set others."""

Connection = AsyncConnection["NamedRow"]


class NamedRow:
    """A row, whose values are found by the names or places of their columns."""

    __slots__ = ("_places", "_values")

    def __init__(self, places: dict[str, int], values: Sequence[Column]) -> None:
        self._places = places
        self._values = values

    def keys(self) -> Iterable[str]:
        return self._places.keys()

    def __getitem__(self, key: int | str) -> Column:
        return self._values[key if isinstance(key, int) else self._places[key]]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._values)


def _named_rows(cursor: AsyncCursor[NamedRow]) -> RowMaker[NamedRow]:
    places = {column.name: place for place, column in enumerate(cursor.description or ())}

    def made(values: Sequence[Column]) -> NamedRow:
        return NamedRow(places, values)

    return made


class _TextDumper(StrDumperUnknown):
    """Replaces the NUL character, which PostgreSQL's text can't contain."""

    def dump(self, obj: str) -> bytes | bytearray | memoryview | None:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def parameters_of(url: PostgresUrl) -> str:
    """The address as the driver takes it, with time limits. Raises DatabaseUnreachable."""
    try:
        given = conninfo.conninfo_to_dict(url.secret.get_secret_value())
    except psycopg.ProgrammingError:
        # The driver's own message may contain a part of the password.
        raise DatabaseUnreachable(
            "DATABASE_URL is not the address of a PostgreSQL database. Write it like "
            "postgresql://user:password@host:5432/database, with %40 for an @ in the password."
        ) from None
    return conninfo.make_conninfo("", **{**_DEFAULTS, **given, "client_encoding": "UTF8"})


OPTIONS: dict[str, Any] = {"autocommit": True, "row_factory": _named_rows}
"""Arguments for each connection. It begins no transaction by itself."""


async def connect(parameters: str) -> Connection:
    """A new connection. Raises psycopg.Error."""
    made: Connection = await AsyncConnection.connect(parameters, **OPTIONS)
    try:
        await ready(made)
    except BaseException:
        await made.close()
        raise
    return made


_OWN_SETTINGS = """
SELECT set_config('default_transaction_isolation', 'read committed', FALSE),
  set_config('standard_conforming_strings', 'on', FALSE),
  CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', FALSE) END
"""
"""A user or database may have other defaults. A transaction would then see the state from before it waited for a lock,
SQL would be read differently, or a commit would be confirmed that a power cut can undo."""


async def ready(connection: Connection) -> None:
    """Sets up a new connection."""
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.adapters.register_dumper(str, _TextDumper)
    with bounded(connection):
        await connection.execute(_OWN_SETTINGS)


@contextmanager
def bounded(connection: Connection) -> Iterator[None]:
    """Cuts the connection if the server has not responded in time: cancelling would wait for the server as well."""
    timer = asyncio.get_running_loop().call_later(STATEMENT_SECONDS, _cut, connection)
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
