"""Somebody wants to be forgotten."""

from __future__ import annotations

from relay.changes import Changes
from relay.commands.results import Ask
from storage import deletion
from storage.database import Database


class Forgetting:
    """Raises StorageError as the database does; nothing is then changed."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def forget(self, ask: Ask) -> None:
        """Deletes what is kept about the asker, in every server. What they wait for still comes, and pings them not;
        cards and summaries that name them follow in time."""
        async with self._database.transaction() as tx:
            named = await deletion.forget_person(tx, ask.user_id)
        for subscription_id in named:
            self._changes.subscription_changed(subscription_id)
        # Nothing of it is to linger in the write-ahead log either.
        await self._database.flush()
