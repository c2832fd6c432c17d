"""`/pixverse forget-me`: deletes what is kept about a person."""

from __future__ import annotations

from relay.changes import Changes
from storage import deletion
from storage.database import Database


class Forgetting:
    """Forgets people at their own request."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def forget(self, user_id: int) -> None:
        """Deletes what is kept about a person, in every server. What they wait for still comes, without a ping; cards
        and summaries that name them are edited in time. Raises StorageError as the database does."""
        async with self._database.transaction() as tx:
            named = await deletion.forget_person(tx, user_id)
        for subscription_id in named:
            self._changes.subscription_changed(subscription_id)
        await self._database.flush()
