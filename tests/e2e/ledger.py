"""The bot's database: tests read it while the bot runs, and change it while the bot is stopped."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from settings import DatabasePlace, PostgresUrl
from storage.engines.postgres.dialect import bound

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Ledger:
    """One database file."""

    def __init__(self, place: DatabasePlace) -> None:
        self.place = place

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        assert isinstance(self.place, Path)
        return self.place

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """Returns the committed rows of a query."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def tables(self) -> list[str]:
        """The names of all tables."""
        return [row["name"] for row in self.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]

    def change(self, sql: str, *parameters: object) -> int:
        """Changes the database of a stopped bot; returns the number of changed rows."""
        with closing(sqlite3.connect(self.path)) as connection, connection:
            return connection.execute(sql, parameters).rowcount

    def outcome_states(self, channel_id: int) -> list[str]:
        """The states of a channel's outcomes, oldest first."""
        rows = self.rows(
            "SELECT state FROM deliveries WHERE channel_id = ? AND kind LIKE 'outcome%' ORDER BY id", channel_id
        )
        return [row["state"] for row in rows]

    def unsettled(self, channel_id: int) -> int:
        """How many messages still wait to be posted in a channel."""
        rows = self.rows(
            "SELECT id FROM deliveries WHERE channel_id = ? AND state IN ('waiting', 'sending')", channel_id
        )
        return len(rows)

    def age_unanswered(self, channel_id: int, milliseconds: int) -> int:
        """Makes a channel's unanswered attempts older by this time."""
        return self.change(
            "UPDATE deliveries SET unanswered_at = unanswered_at - ? "
            "WHERE unanswered_at IS NOT NULL AND channel_id = ?",
            milliseconds,
            channel_id,
        )

    def files(self) -> dict[str, bytes]:
        """The contents of all files in the database's folder."""
        if not self.path.parent.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in self.path.parent.rglob("*") if path.is_file()}


class PostgresLedger(Ledger):
    """One PostgreSQL database."""

    def tables(self) -> list[str]:
        sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        return [row["table_name"] for row in self.rows(sql)]

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        text, values = bound(sql, parameters)  # type: ignore[arg-type]
        with closing(self._connected()) as connection:
            return connection.cursor(row_factory=dict_row).execute(text.encode(), values).fetchall()

    def change(self, sql: str, *parameters: object) -> int:
        text, values = bound(sql, parameters)  # type: ignore[arg-type]
        with closing(self._connected()) as connection:
            return connection.execute(text.encode(), values).rowcount

    def files(self) -> dict[str, bytes]:
        """Every table, and every file of the process's own."""
        assert isinstance(self.place, PostgresUrl)
        held = {name: repr(self.rows(f"SELECT * FROM {name}")).encode() for name in self.tables()}
        return held | {path.name: path.read_bytes() for path in self.place.folder.rglob("*") if path.is_file()}

    def _connected(self) -> psycopg.Connection[Any]:
        assert isinstance(self.place, PostgresUrl)
        return psycopg.connect(self.place.secret.get_secret_value(), autocommit=True)
