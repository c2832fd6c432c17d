"""Deletes the second message of a delivery that two processes have sent.

If a process is halted in the middle of a send, another process takes the delivery over and may post the message. Once
the first process goes on, it may post the message too, if the halt has outlasted Discord's memory of the nonce. Usually
it notices this when it records what it has sent, and deletes the later message itself. In case it is killed before, the
process that then posts in the server searches the history some minutes after each takeover, at `second_look_at` in the
delivery's row.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from model.messages import Address, Posted, Refused
from relay.cluster.ownership import Ownership
from relay.delivery import verdicts
from relay.delivery.message_builder import MessageBuilder
from relay.failures import log_failure
from relay.ports import Clock, Poster
from storage import deliveries, delivery_queries
from storage.database import Database
from storage.deliveries import Delivery

log = logging.getLogger(__name__)

SEARCHED_AFTER = 600_000
"""Milliseconds from a takeover to the search. By then, a process that was halted in a send has resumed or ended."""
SEARCH_MARGIN = 65 * 60_000
"""Milliseconds by which a search of the history starts before the oldest possible message; a clock may jump an hour."""
_NEXT_SEARCH_AFTER = 60_000
"""Milliseconds from a failed search to the next one."""
_SEARCHED_FOR = 3 * 24 * 3_600_000
"""Milliseconds after a delivery has ended for which a failed search is repeated."""


class SecondMessages:
    """Searches the history for second messages and deletes them."""

    def __init__(
        self, database: Database, poster: Poster, builder: MessageBuilder, clock: Clock, ownership: Ownership
    ) -> None:
        self._database = database
        self._poster = poster
        self._builder = builder
        self._clock = clock
        self._ownership = ownership
        self.failures = 0
        """How many searches raised an error."""

    async def search_due(self) -> None:
        """Searches for second messages of every delivery that is due for it. A failed search is logged and repeated
        later.

        Raises StorageError if the due deliveries cannot be read.
        """
        now = self._clock.now()
        shards = self._ownership.shards()
        for delivery in await delivery_queries.second_message_searches_due(self._database.reader, now, shards):
            postponed = replace(delivery, second_look_at=now + _NEXT_SEARCH_AFTER)
            await self._set_next_search(delivery, postponed.second_look_at)
            too_old = delivery.settled_at is not None and now - delivery.settled_at >= _SEARCHED_FOR
            try:
                if await self.keep_first(delivery.id) or too_old:
                    await self._set_next_search(postponed, None)
            except Exception as error:
                # Broad, so that the other searches go on.
                self.failures += 1
                log_failure(log, error, "delivery %d could not be looked for again", delivery.id)

    async def keep_first(self, delivery_id: int) -> bool:
        """Deletes all messages of the delivery except the first. Returns False if the search or a deletion has to be
        retried."""
        delivery = await deliveries.get(self._database.reader, delivery_id)
        draft = None if delivery is None else await self._builder.draft(delivery)
        if delivery is None or draft is None:
            return True
        found = await self._poster.copies(draft.address, draft.post, delivery.created_at - SEARCH_MARGIN)
        if not isinstance(found, tuple):
            log.warning(
                "whether delivery %d stands twice in channel %d is not known yet", delivery_id, delivery.channel_id
            )
            return False
        others = await delivery_queries.messages_of_others(self._database.reader, delivery, found)
        messages = sorted(set(found) - others)
        if len(messages) < 2:
            return True
        first, *later = messages
        async with self._database.transaction() as tx:
            await deliveries.set_message(tx, delivery_id, first)
        log.warning(
            "delivery %d stands twice in channel %d; the later message is deleted", delivery_id, delivery.channel_id
        )
        return all([await self._delete(draft.address, message_id) for message_id in later])

    async def _set_next_search(self, delivery: Delivery, at: int | None) -> None:
        async with self._database.transaction(locks_rows=True) as tx:
            await deliveries.reschedule_second_message_search(tx, delivery, at)

    async def _delete(self, address: Address, message_id: int) -> bool:
        """Deletes a message; returns False if the deletion has to be retried."""
        response = await self._poster.delete(address, message_id)
        if isinstance(response, Refused) and verdicts.meaning_of(response) is verdicts.Meaning.MESSAGE_GONE:
            return True
        if not isinstance(response, Posted):
            log.warning("message %d of channel %d could not be deleted: %s", message_id, address.channel_id, response)
        return isinstance(response, Posted)
