"""Sends outcomes again: posted ones at a member's request, failed ones at an admin's request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model.states import DeliveryKind, DeliveryState, Reason
from relay.changes import Changes
from relay.commands.ask import Ask, require_here
from relay.commands.lookups import Lookups
from relay.commands.refusals import NothingToDo, Refusal, TooFast
from relay.commands.watch import LATER_SECONDS, ImmediatePosts
from relay.delivery import nonces
from relay.delivery.fallbacks import Variant
from storage import deliveries, delivery_queries, jobs, subscriptions
from storage.database import Database
from storage.jobs import JobRow

HOPELESS = frozenset({Reason.CHANNEL_GONE, Reason.NOT_WANTED})
"""Reasons for which an outcome cannot be sent again: the channel is gone, or there is nothing to say."""


@dataclass(frozen=True, slots=True)
class SentAgain:
    """The state of an outcome that an admin wants to send again."""

    number: int
    channel_id: int
    fresh: bool
    """Whether this call put the outcome into the outbox again. If not, it was already there or is posted."""
    posted: bool


class Resending:
    """Sends outcomes again, and counts the lookup for fresh links that may follow. Every call raises NothingToDo,
    TooFast, and StorageError if the database fails; nothing is changed then."""

    def __init__(self, database: Database, lookups: Lookups, immediate_posts: ImmediatePosts, changes: Changes) -> None:
        self._database = database
        self._lookups = lookups
        self._immediate_posts = immediate_posts
        self._changes = changes

    async def send_again(self, ask: Ask, delivery_id: int) -> SentAgain:
        """Sends an outcome of the asker's server that was given up or is unsure.

        Two presses of the button send it once, because the same delivery is reused. An unsure outcome is first looked
        for in the channel's history, if the bot can read it by now. It may have pinged people before, so it pings
        nobody. It also gets another nonce: with the same one, Discord could return the first message and post nothing.
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
        """Waits until the outcome is posted; returns False if that takes more than a minute."""
        return (await self._immediate_posts.post(delivery_id, LATER_SECONDS)).message_id is not None

    async def post_again(self, ask: Ask, subscription_id: int, reply_id: int) -> int:
        """Posts an outcome of the channel again, with fresh links if the API still returns them. It is posted only once
        for each reply (by the id of its message), however often the reply's button is pressed. Returns the job's
        number."""
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
            return  # The known links are posted then.
