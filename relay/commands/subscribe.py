"""Subscribes a channel to a job, within the caller's transaction.

A channel may wait for a job id under an account that its server no longer uses; that subscription is on hold. So before
anything is written, `known` is the job of the requested account, and `waiting` the subscription with which the channel
waits for the same id. Once the API's response is stored, `row` is that job, and `here` is the channel's subscription
for it, which may be the one that was on hold before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from model import snapshots
from model.job import Job
from model.states import DeliveryKind, DeliveryState, Origin
from relay.commands.ask import Ask
from relay.commands.lookups import needs_lookup, was_given_up
from relay.commands.refusals import PersonLimit, ServerLimit
from relay.delivery import nonces
from relay.polling.job_fetcher import Accounts
from relay.polling.job_recorder import apply_response, end_silently
from storage import batches, deliveries, delivery_queries, follows, jobs, moves, subscriptions
from storage.database import Transaction, found
from storage.delivery_queries import OutcomeMessage
from storage.jobs import JobRow
from storage.subscriptions import SubscriptionRow


@dataclass(frozen=True, slots=True)
class Limits:
    """How many open subscriptions a person (in all servers together) and a server may have."""

    open_per_user: int
    open_per_server: int


class SubscribeState(Enum):
    """The kinds of result of a subscribe request."""

    WATCHED = "watched"
    ALREADY_WATCHED = "already watched"
    TO_POST = "to post"
    """The job has ended, but the subscription is open. The caller must call `job_recorder.post_outcome` in the same
    transaction."""
    ALREADY_POSTED = "already posted"


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """A request to subscribe a channel to a job."""

    account_id: int
    jobid: str
    job: Job | None
    """As the API just described it; None if it was not or could not be looked up."""
    mention: bool
    spoiler: bool = False
    batch_id: int | None = None
    ran_until: int | None = None
    """When the job was last seen active (milliseconds UTC), if the caller knows."""


@dataclass(frozen=True, slots=True)
class SubscribeResult:
    """The result of a subscribe request, with the current rows."""

    state: SubscribeState
    row: JobRow
    subscription: SubscriptionRow
    card_id: int | None = None
    """The delivery of a card that is to be posted. Set if WATCHED and not in a batch."""
    message: OutcomeMessage | None = None
    """The outcome's message, if ALREADY_POSTED."""


async def subscribe(
    tx: Transaction, accounts: Accounts, limits: Limits, ask: Ask, request: SubscribeRequest
) -> SubscribeResult:
    """Subscribes the channel and adds the asker. Raises PersonLimit or ServerLimit before anything is written.

    The order of the steps matters. The limits come first, because nothing may be written if one is reached. A channel
    that waits under another account goes on with the requested one only if that account is known to see the job. The
    response is stored before the job is looked at, because it may end the job.
    """
    known = await jobs.by_jobid(tx, request.account_id, request.jobid)
    for_id = await subscriptions.in_channel_by_jobid(tx, ask.guild_id, ask.channel_id, request.jobid)
    waiting = for_id[0] if for_id and for_id[0].ended_at is None else None
    on_hold = waiting is not None and accounts.in_force(ask.guild_id) != request.account_id
    ends_now = request.job is not None and request.job.state.ends
    if on_hold or (needs_lookup(known) and not ends_now):
        await _check_limits(tx, limits, ask, waiting)
    under_requested = known is not None and waiting is not None and waiting.job_id == known.id
    is_seen = request.job is not None or (known is not None and known.snapshot is not None)
    if waiting is not None and not under_requested and not is_seen:
        return await _already_watched(tx, ask, request, found(await jobs.by_id(tx, waiting.job_id)), waiting)
    row = await _bring_up_to_date(tx, accounts, known, ask, request)
    here = await subscriptions.in_channel(tx, row.id, ask.channel_id)
    if row.ended_at is not None:
        return await _subscribe_to_ended(tx, accounts, ask, request, row, here)
    if here is None or here.ended_at is not None:
        return await _subscribe_to_open(tx, ask, request, row, here)
    if here.origin is Origin.FOLLOWED and request.batch_id is None:
        return await _show_followed(tx, ask, request, row, here)
    return await _already_watched(tx, ask, request, row, here)


async def _show_followed(
    tx: Transaction, ask: Ask, request: SubscribeRequest, row: JobRow, here: SubscriptionRow
) -> SubscribeResult:
    """Adds the asker, and a card: the channel waits for the job because of a follow, which shows no cards."""
    await _join(tx, ask, request, here)
    await follows.show_card(tx, here.id)
    return SubscribeResult(SubscribeState.WATCHED, row, here, card_id=await _add_card(tx, ask, row, here.id))


async def _already_watched(
    tx: Transaction, ask: Ask, request: SubscribeRequest, row: JobRow, here: SubscriptionRow
) -> SubscribeResult:
    """Adds the asker. If the card is known to be deleted, another one is posted. If it is not known, the card is put in
    doubt: it is edited, and if that shows that it was deleted, another one is posted then."""
    await _join(tx, ask, request, here)
    card = await delivery_queries.of_subscription(tx, here.id, DeliveryKind.CARD)
    if here.batch_id is None and card is not None and card.state is DeliveryState.POSTED:
        await subscriptions.doubt_card(tx, here.id)
        if card.message_id is None:
            await _add_card(tx, ask, row, here.id)
    return SubscribeResult(SubscribeState.ALREADY_WATCHED, row, here)


async def _subscribe_to_open(
    tx: Transaction, ask: Ask, request: SubscribeRequest, row: JobRow, here: SubscriptionRow | None
) -> SubscribeResult:
    """Opens the channel's subscription for an open job, with a card unless it belongs to a batch."""
    if not await subscriptions.open_of_job(tx, row.id):
        await jobs.restart_age(tx, row.id, ask.at)
    opened = await _open(tx, ask, request, row, here)
    card_id = await _add_card(tx, ask, row, opened.id) if request.batch_id is None else None
    return SubscribeResult(SubscribeState.WATCHED, row, opened, card_id=card_id)


async def _add_card(tx: Transaction, ask: Ask, row: JobRow, subscription_id: int) -> int:
    return await deliveries.add_card(
        tx,
        subscription_id=subscription_id,
        guild_id=ask.guild_id,
        channel_id=ask.channel_id,
        base_nonce=nonces.for_job(row.jobid, ask.channel_id, DeliveryKind.CARD),
        now=ask.at,
    )


async def _subscribe_to_ended(
    tx: Transaction, accounts: Accounts, ask: Ask, request: SubscribeRequest, row: JobRow, here: SubscriptionRow | None
) -> SubscribeResult:
    """Returns the outcome's message if the channel has got it, or is to get it. Otherwise adds the asker, who gets the
    outcome now. It stays on hold if the server uses another account."""
    message = None if here is None else await delivery_queries.outcome_message(tx, here.id, row.round)
    if here is not None and message is not None:
        if here.ended_at is None:  # The channel waited under another account, and that subscription has just moved.
            await end_silently(tx, here, ask.at)
        if message.state.is_open:
            await _join(tx, ask, request, here)
        elif request.spoiler:  # For *Post it again*.
            await subscriptions.set_spoiler(tx, here.id)
        return SubscribeResult(SubscribeState.ALREADY_POSTED, row, here, message=message)
    if here is not None and here.ended_at is None:
        await _join(tx, ask, request, here)
        in_force = accounts.in_force(ask.guild_id) == row.account_id
        return SubscribeResult(SubscribeState.TO_POST if in_force else SubscribeState.ALREADY_WATCHED, row, here)
    return SubscribeResult(SubscribeState.TO_POST, row, await _open(tx, ask, request, row, here))


async def _open(
    tx: Transaction, ask: Ask, request: SubscribeRequest, row: JobRow, here: SubscriptionRow | None
) -> SubscriptionRow:
    """Adds a subscription, or opens an ended one again. The asker is its subscriber."""
    if here is None:
        subscription_id = await subscriptions.add(
            tx,
            job_id=row.id,
            guild_id=ask.guild_id,
            channel_id=ask.channel_id,
            batch_id=request.batch_id,
            spoiler=request.spoiler,
            now=ask.at,
        )
    else:
        subscription_id = here.id
        await subscriptions.reopen(tx, here.id, batch_id=request.batch_id, spoiler=request.spoiler, now=ask.at)
    in_batch = request.batch_id is not None
    await subscriptions.put_subscriber(
        tx, subscription_id, ask.user_id, mention=request.mention, in_batch=in_batch, now=ask.at
    )
    return found(await subscriptions.by_id(tx, subscription_id))


async def _bring_up_to_date(
    tx: Transaction, accounts: Accounts, row: JobRow | None, ask: Ask, request: SubscribeRequest
) -> JobRow:
    """Stores what the API just said, and returns the job.

    If any response has shown that the requested account sees the job, and the server uses that account, the channel's
    subscription that is on hold under another account moves to this job.
    """
    if row is None:
        snapshot = snapshots.dump(request.job) if request.job is not None else None
        row = await jobs.add(tx, request.account_id, request.jobid, snapshot, ask.at)
    elif was_given_up(row):
        row = await jobs.reopen(tx, row.id, ask.at)
    is_seen = request.job is not None or row.snapshot is not None
    if is_seen and accounts.in_force(ask.guild_id) == row.account_id:
        await moves.to_job(tx, row.id, ask.guild_id, ask.channel_id, ask.at)
        row = found(await jobs.by_id(tx, row.id))
    if request.job is None:
        return row
    await apply_response(
        tx,
        accounts,
        row,
        request.job,
        ask.at,
        request.ran_until,
        discord_now=ask.sent_at,
        asked_in=ask.channel_id,
    )
    return found(await jobs.by_id(tx, row.id))


async def _check_limits(tx: Transaction, limits: Limits, ask: Ask, waiting: SubscriptionRow | None) -> None:
    """Raises PersonLimit or ServerLimit if the asker or the server would wait for more jobs than allowed. `waiting` is
    the subscription that the channel has already."""
    askers = [] if waiting is None else await subscriptions.subscribers(tx, waiting.id)
    waits = any(one.user_id == ask.user_id for one in askers)
    if not waits and await subscriptions.count_open_of_person(tx, ask.user_id) >= limits.open_per_user:
        raise PersonLimit(limits.open_per_user)
    if waiting is None and await subscriptions.count_open_of_guild(tx, ask.guild_id) >= limits.open_per_server:
        raise ServerLimit(limits.open_per_server)


async def _join(tx: Transaction, ask: Ask, request: SubscribeRequest, here: SubscriptionRow) -> None:
    """Adds the asker to an open subscription. If they want a spoiler, it applies to everybody. A person who asks for
    their own batch again still gets one ping for all of it."""
    waiting = [one for one in await subscriptions.subscribers(tx, here.id) if one.user_id == ask.user_id]
    in_batch = request.batch_id is not None and any(one.in_batch for one in waiting)
    await subscriptions.put_subscriber(tx, here.id, ask.user_id, mention=request.mention, in_batch=in_batch, now=ask.at)
    await ping_at_end_of_batch(tx, ask, here, mention=request.mention)
    if request.spoiler:
        await subscriptions.set_spoiler(tx, here.id)


async def ping_at_end_of_batch(tx: Transaction, ask: Ask, here: SubscriptionRow, *, mention: bool) -> None:
    """Applies the wish of an asker who waits for the job to the end of its batch, if it is part of one.

    If they want a ping for a job that they watch as part of their own batch, they get one at the batch's end. If they
    want none, they get none there either, unless they want one for another open job of the batch.
    """
    if here.batch_id is None:
        return
    if not mention:
        await batches.leave(tx, here.batch_id, ask.user_id)
    elif any(one.in_batch for one in await subscriptions.subscribers(tx, here.id) if one.user_id == ask.user_id):
        await batches.ping(tx, here.batch_id, ask.user_id)
