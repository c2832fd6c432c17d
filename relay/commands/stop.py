"""Stops watching one job or a whole batch."""

from __future__ import annotations

from dataclasses import dataclass

from pixverse.pasted import read_one
from relay.changes import Changes
from relay.commands.ask import Ask, require_here
from relay.commands.refusals import NothingToDo, NotWatchedHere, NotYours
from relay.delivery.batch_end import end_without_outcome
from storage import batches, deliveries, follows, subscriptions
from storage.database import Database, Transaction
from storage.subscriptions import SubscriptionRow


@dataclass(frozen=True, slots=True)
class Stopped:
    """The channel no longer waits for the job."""


@dataclass(frozen=True, slots=True)
class TakenOff:
    """The asker is no longer pinged; the result still comes."""

    others: int
    """How many people still wait; 0 if the job is watched only because of a follow, which may have ended since."""
    followed: bool = False
    """Whether the channel follows the job's account."""


StopResult = Stopped | TakenOff


@dataclass(frozen=True, slots=True)
class StoppedAll:
    """What happened to a batch's active jobs."""

    stopped: int
    kept: int
    """Jobs that are still watched, because others wait for them too or the channel follows their account."""


class Stop:
    """Removes people from subscriptions. A subscription ends with its last asker, unless the channel follows the job's
    account. Raises StorageError if the database fails."""

    def __init__(self, database: Database, changes: Changes) -> None:
        self._database = database
        self._changes = changes

    async def unwatch(self, ask: Ask, text: str, may_stop_others: bool) -> StopResult:
        """Removes the asker from this channel's subscription for the job that the text names. The subscription ends
        with its last asker, or at once if the asker may manage messages. Raises the exceptions of `pixverse.jobids`,
        NotWatchedHere and NotYours."""
        found = await self._of_channel(ask, read_one(text))
        if found is None or found.ended_at is not None:
            raise NotWatchedHere
        return await self.stop(ask, found.id, may_stop_others)

    async def stop(self, ask: Ask, subscription_id: int, may_stop_others: bool) -> StopResult:
        """Removes the asker from this subscription, as `unwatch` does. Raises NothingToDo and NotYours."""
        async with self._database.transaction() as tx:
            subscription = require_here(ask, await subscriptions.by_id(tx, subscription_id))
            if subscription.ended_at is not None:
                raise NothingToDo
            others = 0 if may_stop_others else await _leave(tx, ask, subscription)
            goes_on = others > 0 or (not may_stop_others and await follows.keep_open_if_followed(tx, subscription.id))
            if not goes_on:
                await _end(tx, ask, subscription)
            followed = goes_on and await follows.is_followed(tx, subscription.id)
        self._signal(subscription)
        return TakenOff(others, followed) if goes_on else Stopped()

    async def stop_all(self, ask: Ask, batch_id: int, may_stop_others: bool) -> StoppedAll:
        """Removes the asker from every active job of a batch, as `unwatch` does. Raises NothingToDo and NotYours."""
        stopped: list[SubscriptionRow] = []
        async with self._database.transaction() as tx:
            batch = await batches.by_id(tx, batch_id)
            if batch is None or (batch.guild_id, batch.channel_id) != (ask.guild_id, ask.channel_id):
                raise NothingToDo
            if not may_stop_others and batch.user_id != ask.user_id:
                raise NotYours(() if batch.user_id is None else (batch.user_id,))
            every = await subscriptions.open_of_batch(tx, batch_id)
            if not every:
                raise NothingToDo
            for subscription in every:
                others = 0 if may_stop_others else await _take_off(tx, ask, subscription)
                if others == 0 and (may_stop_others or not await follows.keep_open_if_followed(tx, subscription.id)):
                    await _end(tx, ask, subscription)
                    stopped.append(subscription)
        for subscription in every:
            self._signal(subscription)
        return StoppedAll(len(stopped), len(every) - len(stopped))

    def _signal(self, subscription: SubscriptionRow) -> None:
        self._changes.deliveries_added()
        self._changes.job_unwatched(subscription.job_id)
        self._changes.subscription_changed(subscription.id)

    async def _of_channel(self, ask: Ask, job: int | str) -> SubscriptionRow | None:
        if isinstance(job, int):
            return await subscriptions.in_channel_by_number(self._database.reader, ask.guild_id, ask.channel_id, job)
        every = await subscriptions.in_channel_by_jobid(self._database.reader, ask.guild_id, ask.channel_id, job)
        return every[0] if every else None


async def _leave(tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> int:
    """Removes the asker, and returns how many others still wait. Raises NotYours if the asker does not wait."""
    waiting = await subscriptions.subscribers(tx, subscription.id)
    if all(one.user_id != ask.user_id for one in waiting):
        raise NotYours(tuple(one.user_id for one in waiting))
    return await _take_off(tx, ask, subscription)


async def _take_off(tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> int:
    """Removes the asker if they wait, and returns how many others still do."""
    await subscriptions.remove_subscriber(tx, subscription.id, ask.user_id)
    if subscription.batch_id is not None:
        await batches.leave(tx, subscription.batch_id, ask.user_id)
    return await subscriptions.count_subscribers(tx, subscription.id)


async def _end(tx: Transaction, ask: Ask, subscription: SubscriptionRow) -> None:
    await subscriptions.stop(tx, subscription.id, ask.user_id, ask.at)
    await deliveries.drop_waiting_card(tx, subscription.id)
    if subscription.batch_id is not None:
        await end_without_outcome(tx, subscription.batch_id, ask.at, stopped_by=ask.user_id)
