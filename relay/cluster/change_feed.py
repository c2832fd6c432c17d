"""Other processes' changes: calls the same signals as if this process had made them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Protocol

from relay.changes import Changes
from storage import change_feed
from storage.database import Database

log = logging.getLogger(__name__)


class KeptInMemory(Protocol):
    """A part that keeps rows in memory."""

    async def read_again(self, account_ids: Collection[int] | None, guild_ids: Collection[int] | None) -> None:
        """Reads what may have changed of these accounts and servers; None: of all. Raises StorageError."""


class ChangeFeed:
    """Reads what others have committed. `memories` are brought up to date before any signal is called."""

    def __init__(self, database: Database, changes: Changes, memories: Collection[KeptInMemory]) -> None:
        self._reader = database.reader
        self._writer_id = database.writer_id
        self._changes = changes
        self._memories = memories
        self._horizon: int | None = None
        self._seen: set[int] = set()

    async def begin(self) -> None:
        """Reads everything, at the start or after a time without looks; from here on changes are noticed.

        Raises StorageError.
        """
        self._horizon, self._seen = await change_feed.horizon(self._reader), set()
        for memory in self._memories:
            await memory.read_again(None, None)

    async def look(self) -> None:
        """Calls the signals of what is new. Raises StorageError; the next look then does it."""
        if self._horizon is None:
            return
        look = await change_feed.since(self._reader, self._horizon, but_of=self._writer_id)
        new: dict[str, set[int]] = {}
        for change in look.changes:
            if change.id not in self._seen:
                new.setdefault(change.kind, set()).add(change.item)
        accounts, servers = new.get("account", set()), new.get("server", set())
        if accounts or servers:
            for memory in self._memories:
                await memory.read_again(accounts, servers)
        self._horizon, self._seen = look.horizon, {change.id for change in look.changes}
        for kind, items in sorted(new.items()):
            self._tell(kind, items)

    def _tell(self, kind: str, items: Collection[int]) -> None:
        changes = self._changes
        each: dict[str, Callable[[int], None]] = {
            "job": changes.job_watched,
            "end_reported": changes.end_reported,
            "subscription": changes.subscription_changed,
            "account": changes.account_changed,
        }
        for item in items if kind in each else ():
            each[kind](item)
        if kind == "job":
            # Whether anybody has asked the API about a new one is not known here.
            changes.jobs_found(items)
        elif kind == "follow":
            changes.follows_changed()
        elif kind == "delivery":
            changes.deliveries_added()
