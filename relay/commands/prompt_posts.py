"""A card or summary that an answer links to: waited for only as long as nobody notices, then told of by an edit."""

from __future__ import annotations

from dataclasses import dataclass

from relay.ports import PromptOutbox
from storage import deliveries
from storage.database import Database

AT_ONCE_SECONDS = 0.2
"""The first answer is to be there within half a second, however many messages the channel has to wait for."""
LATER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a message so far."""

    message_id: int | None = None
    refused: bool = False
    on_its_way: int | None = None
    """Its delivery, where neither is known yet."""


class PromptPosts:
    """Posts a message ahead of others for somebody who waits. Raises StorageError as the database does."""

    def __init__(self, database: Database, outbox: PromptOutbox) -> None:
        self._database = database
        self._outbox = outbox

    async def post(self, delivery_id: int, seconds: float = AT_ONCE_SECONDS) -> Standing:
        """What became of it within that time."""
        message_id = await self._outbox.deliver_now(delivery_id, seconds)
        if message_id is not None:
            return Standing(message_id)
        if await deliveries.is_blocked(self._database.reader, delivery_id):
            return Standing(refused=True)
        return Standing(on_its_way=delivery_id)
