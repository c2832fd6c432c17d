"""Whose an SQLite file is, and its address."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from storage.errors import DatabaseForeign

APPLICATION_ID = int.from_bytes(b"PxRy", "big")
"""SQLite's mark of whose file it is, in the database's header."""

_FIRST_TABLES = frozenset({"meta", "accounts", "servers", "jobs", "subscriptions", "deliveries"})
"""By these a database is known that was made before there was a mark."""


def refuse_foreign(path: Path, connection: sqlite3.Connection) -> None:
    """Raises DatabaseForeign where another program has made the database; an empty one is nobody's."""
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
    """The address for `sqlite3.connect(…, uri=True)`; `mode` is ro (only reads) or rw (never makes the file)."""
    return f"file:{quote(path.absolute().as_posix())}?mode={mode}"
