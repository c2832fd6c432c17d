"""Outcomes that were not posted, sent once more because an admin wants it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from model.states import DeliveryState, Reason
from relay.changes import Changes
from relay.commands.refusals import NothingToDo
from relay.commands.results import Ask
from relay.commands.watch import LATER_SECONDS, PromptPosts
from relay.delivery.fallbacks import Variant
from storage import deliveries, delivery_queries
from storage.database import Database

HOPELESS = frozenset({Reason.CHANNEL_GONE, Reason.NOT_WANTED})
"""Reasons for which nothing can be sent again: there is no place any more, or nothing to tell."""


@dataclass(frozen=True, slots=True)
class SentAgain:
    """An outcome that an admin wants to be sent once more."""

    number: int
    channel_id: int
    fresh: bool
    """It is on its way since just now; else it was already, or is posted."""
    posted: bool


class Resending:
    """Takes up an outcome by its own row, so that two presses send it once. `prepay` counts the look for fresh links
    that may follow, and raises TooFast."""

    def __init__(
        self, database: Database, prepay: Callable[[Ask], None], prompt_posts: PromptPosts, changes: Changes
    ) -> None:
        self._database = database
        self._prepay = prepay
        self._prompt_posts = prompt_posts
        self._changes = changes

    async def send_again(self, ask: Ask, delivery_id: int) -> SentAgain:
        """Sends one of the asker's server that was given up, or of which nobody knows whether it was posted.

        The latter is looked for once more, if the history may be read by now. It may have pinged already and pings
        nobody; it goes under another nonce, or Discord would answer with the first one. Raises NothingToDo, TooFast,
        and StorageError as the database does; nothing is then changed.
        """
        self._prepay(ask)
        async with self._database.transaction() as tx:
            found = await delivery_queries.outcome_of_guild(tx, ask.guild_id, delivery_id)
            if found is None or found.reason in HOPELESS:
                raise NothingToDo
            unsure = found.state is DeliveryState.UNSURE
            variant = replace(Variant.parse(found.variant), no_ping=True) if unsure else Variant()
            fresh = await deliveries.take_up(tx, delivery_id, variant=variant.format(), now=ask.at)
        if fresh:
            self._changes.deliveries_added()
            self._changes.subscription_changed(found.subscription_id)
        return SentAgain(found.job_id, found.channel_id, fresh=fresh, posted=found.state is DeliveryState.POSTED)

    async def posted(self, delivery_id: int) -> bool:
        """Waits until it is posted; False where that is not soon."""
        return (await self._prompt_posts.post(delivery_id, LATER_SECONDS)).message_id is not None
