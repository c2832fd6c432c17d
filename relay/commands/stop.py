"""Stops watching one job, or a whole batch."""

from __future__ import annotations

from relay.changes import Changes
from relay.commands import targets
from relay.commands.refusals import NothingToDo, NotWatchedHere, NotYours
from relay.commands.results import Ask, Stopped, StoppedAll, StopResult, TakenOff
from storage import batches, deliveries, subscriptions
from storage.database import Database, Transaction
from storage.subscriptions import SubscriptionRow


class Stop:
    """Takes people off, and ends subscriptions with their last asker. Raises StorageError as the database does."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def unwatch(self, ask: Ask, text: str, may_manage: bool) -> StopResult:
        """Takes the asker off this channel's subscription for the job that the text names; ends it with its last asker,
        or for somebody who may manage messages. Raises classes of `pixverse.jobids`, NotWatchedHere, NotYours."""
        found = await self._of_channel(ask, targets.parse(text))
        if found is None or found.ended_at is not None:
            raise NotWatchedHere
        return await self._stop(ask, found.id, may_manage=may_manage)

    async def stop(self, ask: Ask, subscription_id: int, may_manage: bool) -> StopResult:
        """Does what `unwatch` does, for the button of a card. Raises NothingToDo, NotYours."""
        found = await subscriptions.by_id(self._database.reader, subscription_id)
        require_here(ask, found)
        return await self._stop(ask, subscription_id, may_manage=may_manage)

    async def stop_all(self, ask: Ask, batch_id: int, may_manage: bool) -> StoppedAll:
        """Does what `unwatch` does for every job of a batch that has not ended. Raises NothingToDo, NotYours."""
        stopped: list[SubscriptionRow] = []
        async with self._database.transaction() as tx:
            batch = await batches.by_id(tx, batch_id)
            if batch is None or (batch.guild_id, batch.channel_id) != (ask.guild_id, ask.channel_id):
                raise NothingToDo
            if not may_manage and batch.user_id != ask.user_id:
                raise NotYours(() if batch.user_id is None else (batch.user_id,))
            every = await subscriptions.open_of_batch(tx, batch_id)
            if not every:
                raise NothingToDo
            for subscription in every:
                if may_manage or await _take_off(tx, ask, subscription) == 0:
                    await _end(tx, ask, subscription)
                    stopped.append(subscription)
        for subscription in every:
            self._tell(subscription)
        return StoppedAll(len(stopped), len(every) - len(stopped))

    async def _stop(self, ask: Ask, subscription_id: int, *, may_manage: bool) -> StopResult:
        async with self._database.transaction() as tx:
            subscription = await subscriptions.by_id(tx, subscription_id)
            if subscription is None or subscription.ended_at is not None:
                raise NothingToDo
            others = 0 if may_manage else await self._others(tx, ask, subscription)
            goes_on = others > 0 or (subscription.followed and not may_manage)
            if not goes_on:
                await _end(tx, ask, subscription)
        self._tell(subscription)
        return TakenOff(others) if goes_on else Stopped()

    def _tell(self, subscription: SubscriptionRow) -> None:
        self._changes.job_unwatched(subscription.job_id)
        self._changes.subscription_changed(subscription.id)

    async def _others(self, tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> int:
        waiting = await subscriptions.subscribers(tx, subscription.id)
        if all(one.user_id != ask.user_id for one in waiting):
            raise NotYours(tuple(one.user_id for one in waiting))
        return await _take_off(tx, ask, subscription)

    async def _of_channel(self, ask: Ask, job: int | str) -> SubscriptionRow | None:
        if isinstance(job, int):
            return await subscriptions.in_channel_by_number(self._database.reader, ask.guild_id, ask.channel_id, job)
        every = await subscriptions.in_channel_by_jobid(self._database.reader, ask.guild_id, ask.channel_id, job)
        return every[0] if every else None


def require_here(ask: Ask, subscription: SubscriptionRow | None) -> SubscriptionRow:
    """The subscription, if it is this very channel's. Raises NothingToDo."""
    if subscription is None or (subscription.guild_id, subscription.channel_id) != (ask.guild_id, ask.channel_id):
        raise NothingToDo
    return subscription


async def _take_off(tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> int:
    """Returns how many others still wait."""
    await subscriptions.remove_subscriber(tx, subscription.id, ask.user_id)
    return await subscriptions.count_subscribers(tx, subscription.id)


async def _end(tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> None:
    await subscriptions.stop(tx, subscription.id, ask.user_id, ask.at)
    await deliveries.drop_waiting_card(tx, subscription.id)
    if subscription.batch_id is not None:
        await batches.end_if_done(tx, subscription.batch_id, ask.at)
