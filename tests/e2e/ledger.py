"""The bot's database seen from outside: what a test reads while the bot runs, and ages while it is stopped."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


class Ledger:
    """One database file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        """What is committed right now."""
        with closing(sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]

    def change(self, sql: str, *parameters: object) -> int:
        """Changes the database of a stopped bot; gives the number of rows that changed."""
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
        """Lets a channel's attempts that nobody answered be older than they are."""
        return self.change(
            "UPDATE deliveries SET unanswered_at = unanswered_at - ? "
            "WHERE unanswered_at IS NOT NULL AND channel_id = ?",
            milliseconds,
            channel_id,
        )

    def files(self) -> dict[str, bytes]:
        """Every file beside the database, its own included."""
        return {path.name: path.read_bytes() for path in self.path.parent.rglob("*") if path.is_file()}
