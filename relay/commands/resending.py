"""Sends outcomes once more: a posted one because a member asks for it, a failed one because an admin does."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.states import DeliveryKind, DeliveryState, Reason
from relay.changes import Changes
from relay.commands.ask import Ask, require_here
from relay.commands.lookups import Lookups
from relay.commands.refusals import NothingToDo, Refusal, TooFast
from relay.commands.watch import LATER_SECONDS, PromptPosts
from relay.delivery import nonces
from relay.delivery.fallbacks import Variant
from storage import deliveries, delivery_queries, jobs, subscriptions
from storage.database import Database
from storage.jobs import JobRow

HOPELESS = frozenset({Reason.CHANNEL_GONE, Reason.NOT_WANTED})
"""Reasons for which nothing can be sent again: the channel is gone, or there is nothing to say."""


@dataclass(frozen=True, slots=True)
class SentAgain:
    """What became of an outcome that an admin wants to be sent once more."""

    number: int
    channel_id: int
    fresh: bool
    """This call put it into the outbox again; otherwise it was there already, or is posted."""
    posted: bool


class Resending:
    """Counts the lookup for fresh links that may follow. Every call raises NothingToDo, TooFast, and StorageError as
    the database does; nothing is then changed."""

    def __init__(self, database: Database, lookups: Lookups, prompt_posts: PromptPosts, changes: Changes) -> None:
        self._database = database
        self._lookups = lookups
        self._prompt_posts = prompt_posts
        self._changes = changes

    async def send_again(self, ask: Ask, delivery_id: int) -> SentAgain:
        """Sends an outcome of the asker's server that was given up, or of which nobody knows whether it was posted.

        Two presses send it once, since its own delivery is taken up. One of which nobody knows is first looked for in
        the channel's history, if that may be read by now. It may have pinged already, so it pings nobody, and it gets
        another nonce, for which Discord doesn't return the first message.
        """
        self._lookups.prepay_for_server(ask)
        async with self._database.transaction() as tx:
            found = await delivery_queries.outcome_of_guild(tx, ask.guild_id, delivery_id)
            if found is None or found.reason in HOPELESS:
                raise NothingToDo
            unsure = found.state is DeliveryState.UNSURE
            variant = replace(Variant.parse(found.variant), no_ping=True) if unsure else Variant()
            fresh = await deliveries.resend_outcome(tx, delivery_id, variant=variant.format(), now=ask.at)
        if fresh:
            self._changes.deliveries_added()
            self._changes.subscription_changed(found.subscription_id)
        return SentAgain(found.job_id, found.channel_id, fresh=fresh, posted=found.state is DeliveryState.POSTED)

    async def posted(self, delivery_id: int) -> bool:
        """Waits until the outcome is posted; returns False where that takes more than a minute."""
        return (await self._prompt_posts.post(delivery_id, LATER_SECONDS)).message_id is not None

    async def post_again(self, ask: Ask, subscription_id: int, reply_id: int) -> int:
        """Posts an outcome that stands in the channel once more, with fresh links if the API still returns them; only
        once for each reply (a message of Discord's), however often its button is pressed. Returns the job's number."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None or row.outcome is None or here.ended_at is None:
            raise NothingToDo
        self._lookups.prepay(ask, row.account_id)
        await self._refresh_links(ask, row)
        async with self._database.transaction() as tx:
            await deliveries.add_outcome(
                tx,
                subscription_id=here.id,
                kind=DeliveryKind.AGAIN,
                job_round=reply_id,
                guild_id=here.guild_id,
                channel_id=here.channel_id,
                base_nonce=nonces.for_job(row.jobid, here.channel_id, DeliveryKind.AGAIN, reply_id),
                now=ask.at,
            )
        self._changes.deliveries_added()
        return row.id

    async def _refresh_links(self, ask: Ask, row: JobRow) -> None:
        try:
            if self._lookups.accounts.in_force(ask.guild_id) == row.account_id:
                await self._lookups.refresh_ended(ask, row)
        except TooFast:
            raise
        except Refusal:
            return  # What is known is posted then.
