"""The bot that a tutorial would lead to: a table, a `tasks.loop` over it that takes one job after another, and edits of
the first reply through its interaction's token.

The functions for Discord and the API are passed in, so it can run on any clock.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable

Record = dict[str, object]
Fetch = Callable[[str], Awaitable[Record]]
"""GET of one job by its id."""
Edit = Callable[[str, str], Awaitable[None]]
"""PATCH of an interaction's first reply: the interaction's token and the new text."""

_ENDS = frozenset({"completed", "failed", "moderated", "cancelled"})


class NaiveBot:
    """A bot without its loop: `turn` is the loop's body."""

    def __init__(self, fetch: Fetch, edit: Edit, path: str = ":memory:") -> None:
        self._fetch = fetch
        self._edit = edit
        self._database = sqlite3.connect(path)
        self._database.execute("CREATE TABLE jobs (jobid TEXT PRIMARY KEY, interaction TEXT, shown TEXT)")

    async def status(self, jobid: str, interaction: str) -> None:
        """The command: requests the job, replies, and stores the job."""
        shown = _text(await self._fetch(jobid))
        await self._edit(interaction, shown)
        with self._database:
            self._database.execute("INSERT INTO jobs VALUES (?, ?, ?)", (jobid, interaction, shown))

    async def turn(self) -> None:
        """Requests each job, and shows what is new."""
        for jobid, interaction, shown in self._database.execute("SELECT * FROM jobs").fetchall():
            record = await self._fetch(jobid)
            text = _text(record)
            if text != shown:
                await self._edit(interaction, text)
            with self._database:
                if record["status"] in _ENDS:
                    self._database.execute("DELETE FROM jobs WHERE jobid = ?", (jobid,))
                else:
                    self._database.execute("UPDATE jobs SET shown = ? WHERE jobid = ?", (text, jobid))

    def close(self) -> None:
        """Closes the table."""
        self._database.close()


def _text(record: Record) -> str:
    return f"{record['status']} {record.get('content', '')} {json.dumps(record.get('attachments', []))}"
