"""`/pixverse forget-me`: deletes what is stored about a person."""

from __future__ import annotations

from relay.changes import Changes
from storage import deletion
from storage.database import Database


class Forgetting:
    """Deletes people's data at their own request."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def forget(self, user_id: int) -> None:
        """Deletes what is stored about a person, for all servers. Results that they wait for are still posted, without
        a ping; cards and summaries that name them are edited. Raises StorageError if the database fails."""
        async with self._database.transaction() as tx:
            named = await deletion.forget_person(tx, user_id)
        for subscription_id in named:
            self._changes.subscription_changed(subscription_id)
        await self._database.flush()
