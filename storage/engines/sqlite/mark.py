"""The mark by which an SQLite file is recognised as the bot's, and its URI."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from storage.errors import DatabaseForeign

APPLICATION_ID = int.from_bytes(b"PxRy", "big")
"""The mark in the database's header that says which program's file it is."""

_FIRST_TABLES = frozenset({"meta", "accounts", "servers", "jobs", "subscriptions", "deliveries"})
"""The tables by which a database is recognised that was made before there was a mark."""


def refuse_foreign(path: Path, connection: sqlite3.Connection) -> None:
    """Raises DatabaseForeign if another program has made the database. An empty one may be used."""
    mark = _mark(connection)
    if mark == APPLICATION_ID:
        return
    entries = connection.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'")
    names = {name for (name,) in entries}
    if mark != 0 or (names and not names >= _FIRST_TABLES):
        raise DatabaseForeign(
            f"The database {path} is another program's: its tables are not this bot's. Change DATABASE_URL."
        )


def mark_own(connection: sqlite3.Connection) -> None:
    """Marks the database as this bot's."""
    if _mark(connection) != APPLICATION_ID:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _mark(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])


def uri(path: Path, mode: str) -> str:
    """The URI for `sqlite3.connect(…, uri=True)`; `mode` is ro (only reads) or rw (never makes the file)."""
    return f"file:{quote(path.absolute().as_posix())}?mode={mode}"
