"""Watches one job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from model import snapshots
from model.job import Job, Outcome
from model.states import AccountState, DeliveryState
from pixverse.pasted import read_one
from relay.changes import Changes
from relay.commands.ask import Ask, Target, account_of, find_on_hold_here, find_target, require_here, waits_here
from relay.commands.lookups import (
    LookupResult,
    Lookups,
    is_unanswered,
    needs_lookup,
    require_known,
    was_given_up,
)
from relay.commands.refusals import AccountInTrouble, Expired, IdRefused, NotFound, NothingToDo, TokenReplaced
from relay.commands.subscribe import (
    Limits,
    SubscribeRequest,
    SubscribeResult,
    SubscribeState,
    ping_at_end_of_batch,
    subscribe,
)
from relay.polling.job_recorder import post_outcome
from storage import delivery_queries, jobs, overviews, subscriptions
from storage.database import Database, Queries
from storage.delivery_queries import OutcomeMessage
from storage.jobs import JobRow

AT_ONCE_SECONDS = 0.2
"""Seconds to wait for a message before replying. The first reply should come within half a second, however many
messages wait in the channel."""
LATER_SECONDS = 60.0


# ---- posting for somebody who waits ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ImmediatePost:
    """What became of a message that was sent at once."""

    message_id: int | None = None
    on_its_way: int | None = None
    """The message's delivery, if it is not posted yet."""


class ImmediatePosts:
    """Posts a message at once, ahead of the outbox's order, because a person waits for it. Raises StorageError if the
    database fails."""

    def __init__(self, reader: Queries, deliver_now: Callable[[int, float], Awaitable[int | None]]) -> None:
        self._reader = reader
        self._deliver_now = deliver_now

    async def post(self, delivery_id: int | None, seconds: float = AT_ONCE_SECONDS) -> ImmediatePost:
        """Sends the delivery, if there is one, and returns its state after at most `seconds`."""
        if delivery_id is None:
            return ImmediatePost()
        message_id = await self._deliver_now(delivery_id, seconds)
        return ImmediatePost(on_its_way=delivery_id) if message_id is None else ImmediatePost(message_id)

    async def after_waiting(self, post: ImmediatePost) -> ImmediatePost:
        """The message once it is posted or refused, or after a minute, when nobody waits for it any more."""
        if post.on_its_way is None:
            return post
        return replace(await self.post(post.on_its_way, LATER_SECONDS), on_its_way=None)

    async def is_refused(self, ask: Ask, post: ImmediatePost) -> bool:
        """Whether Discord refuses messages in the asker's channel; not if this one has just been posted there."""
        return post.message_id is None and await delivery_queries.is_channel_blocked(self._reader, ask.channel_id)


# ---- results --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NowWatching:
    """The channel has just been subscribed, perhaps again. Its card will be posted, or an earlier card reused."""

    subscription_id: int
    job: Job | None
    """As the API last described it; None if it has not yet."""
    card: ImmediatePost
    mention: bool
    api_down: bool
    """Whether the API did not respond, or responded with 429. The job is watched anyway."""
    hold: AccountState | None = None
    """Why the token kept the job from being looked up, if it did. The job is watched anyway."""


@dataclass(frozen=True, slots=True)
class AlreadyWatched:
    """The channel already waited for this job; the asker now waits for it too."""

    subscription_id: int
    card: ImmediatePost
    """The card, or the summary of the batch that the job belongs to."""
    mention: bool
    api_down: bool
    on_hold: bool = False
    """Whether the job belongs to an account other than the one in force here."""
    hold: AccountState | None = None


@dataclass(frozen=True, slots=True)
class AlreadyPosted:
    """The job has ended, and its outcome was posted in this channel or is in the outbox for it."""

    subscription_id: int
    job: Job | None
    outcome: Outcome
    message_id: int | None
    """None if the message was not posted, or if its id is unknown."""
    state: DeliveryState
    """The state of the outcome's delivery; never given up."""

    @classmethod
    def of(cls, subscription_id: int, row: JobRow, outcome: Outcome, message: OutcomeMessage) -> AlreadyPosted:
        """The outcome of a stored job, with its message."""
        return cls(subscription_id, snapshots.load(row.snapshot), outcome, message.message_id, message.state)


@dataclass(frozen=True, slots=True)
class PostingOutcome:
    """The job has ended, and its outcome is being posted here."""

    job: Job | None
    outcome: Outcome


StatusResult = NowWatching | AlreadyWatched | AlreadyPosted | PostingOutcome


# ---- watching -------------------------------------------------------------------------------------------------------


class Watch:
    """Watches one job at a time. Nothing of other servers is shown or changed.

    Raises the exceptions of `relay.commands.refusals`, those of `pixverse.jobids` if a text is read, and StorageError.
    Nothing is changed then.
    """

    def __init__(
        self, database: Database, lookups: Lookups, immediate_posts: ImmediatePosts, changes: Changes, limits: Limits
    ) -> None:
        self._database = database
        self._lookups = lookups
        self.immediate_posts = immediate_posts
        self._changes = changes
        self._limits = limits

    async def status(
        self, ask: Ask, text: str, mention: bool, spoiler: bool, *, look_again: bool = False
    ) -> StatusResult:
        """Subscribes the channel to an active job, or posts the outcome of an ended one, once. With `look_again`, the
        job is looked up even if the API responded a moment ago."""
        job = read_one(text)
        account_id = account_of(self._lookups.accounts, ask.guild_id)
        target = await find_target(self._database.reader, ask, job, account_id)
        return await self._watch(ask, target, mention=mention, spoiler=spoiler, look_again=look_again)

    async def watch_again(self, ask: Ask, subscription_id: int) -> StatusResult:
        """Watches the job of a stopped subscription of this channel again, as `status` does."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        account_id = account_of(self._lookups.accounts, ask.guild_id)
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None:
            raise NothingToDo
        return await self._watch(ask, Target.of_row(row, account_id), mention=True, spoiler=here.spoiler)

    async def with_card(self, result: NowWatching | AlreadyWatched) -> NowWatching | AlreadyWatched:
        """Returns the result of `status` once its card is posted or refused, or after a minute."""
        return replace(result, card=await self.immediate_posts.after_waiting(result.card))

    async def set_mention(self, ask: Ask, subscription_id: int, mention: bool) -> None:
        """Sets whether the asker, who waits for the job, is pinged with its outcome. If they wait for it as part of
        their batch, the ping comes at the end of the batch. Raises NothingToDo."""
        async with self._database.transaction() as tx:
            here = require_here(ask, await subscriptions.by_id(tx, subscription_id))
            waits = await subscriptions.set_mention(tx, here.id, ask.user_id, mention)
            outcomes = [] if here.ended_at is None else await delivery_queries.outcomes_of(tx, [here.id])
            is_over = here.ended_at is not None and not any(one.state.is_open for one in outcomes)
            if is_over or not waits:
                raise NothingToDo
            await ping_at_end_of_batch(tx, ask, here, mention=mention)
        self._changes.subscription_changed(here.id)  # A batch's summary says whether it ends with a ping.

    async def _watch(
        self, ask: Ask, target: Target, *, mention: bool, spoiler: bool, look_again: bool = False
    ) -> StatusResult:
        try:
            found, hold = await self._look_up(ask, target, look_again=look_again)
        except (NotFound, Expired, IdRefused):
            held = await find_on_hold_here(self._database.reader, ask, target.jobid, target.account_id)
            if held is None or target.other_account:
                raise
            target = Target.of_row(held, target.account_id)
            found, hold = await self._look_up(ask, target, look_again=look_again)
        job = found if isinstance(found, Job) else None
        ran_until = self._lookups.ran_until(target.row)
        request = SubscribeRequest(target.account_id, target.jobid, job, mention, spoiler, ran_until=ran_until)
        accounts = self._lookups.accounts
        async with self._database.transaction() as tx:
            if not target.other_account and accounts.in_force(ask.guild_id) != target.account_id:
                raise TokenReplaced
            if target.other_account and target.row is not None:
                await self._require_useful(tx, ask, target.row)  # Somebody may have stopped it meanwhile.
            subscribed = await subscribe(tx, accounts, self._limits, ask, request)
            if subscribed.state is SubscribeState.TO_POST:
                await post_outcome(tx, subscribed.row, subscribed.subscription, ask.at)
            if hold is not None:
                await accounts.tell_trouble(tx, ask.guild_id, ask.at)
        self._changes.job_watched(subscribed.row.id)
        self._changes.deliveries_added()
        result = await self._result(subscribed, mention=mention, api_down=is_unanswered(found), target=target)
        return replace(result, hold=hold) if isinstance(result, NowWatching | AlreadyWatched) else result

    async def _look_up(
        self, ask: Ask, target: Target, *, look_again: bool
    ) -> tuple[LookupResult | None, AccountState | None]:
        """Looks the job up, if that is needed. Returns what was found, and why the token kept the job from being looked
        up; such a job is watched anyway. Both are None if the database suffices.

        For a stored job, every result except a description is recorded at once; the transaction that subscribes stores
        the description. The links of an ended job may have expired, so the lookup for fresh ones is counted now.
        """
        row = target.row
        if row is not None and target.other_account:
            await self._require_useful(self._database.reader, ask, row)
        if row is not None and (target.other_account or not needs_lookup(row)):
            if row.ended_at is not None:
                self._lookups.prepay(ask, row.account_id)
            return None, None
        try:
            found = await self._lookups.one(ask, target.account_id, target.jobid, look_again=look_again)
        except AccountInTrouble as trouble:
            return None, trouble.state
        if row is None or was_given_up(row):
            require_known(found)
        elif not isinstance(found, Job):
            await self._lookups.record(row, found)
        return found, None

    async def _require_useful(self, queries: Queries, ask: Ask, row: JobRow) -> None:
        """Raises NotFound for a job of an account that is no longer in force, unless its end was posted in this server,
        or this channel already waits for it."""
        has_ended = row.ended_at is not None and not was_given_up(row)
        if has_ended and await delivery_queries.is_told_in_server(queries, ask.guild_id, row.id):
            return
        if not await waits_here(queries, ask, row.id):
            raise NotFound

    async def _result(
        self, subscribed: SubscribeResult, *, mention: bool, api_down: bool, target: Target
    ) -> StatusResult:
        subscription_id = subscribed.subscription.id
        job, outcome = snapshots.load(subscribed.row.snapshot), subscribed.row.outcome
        if subscribed.state is SubscribeState.WATCHED:
            card = await self.immediate_posts.post(subscribed.card_id)
            return NowWatching(subscription_id, job, card, mention, api_down)
        if subscribed.state is SubscribeState.ALREADY_WATCHED or outcome is None:
            card = await self.immediate_posts.post(await overviews.shown_by(self._database.reader, subscription_id))
            on_hold = target.other_account or subscribed.row.account_id != target.account_id
            return AlreadyWatched(subscription_id, card, mention, api_down, on_hold=on_hold)
        if subscribed.message is None:
            return PostingOutcome(job, outcome)
        return AlreadyPosted.of(subscription_id, subscribed.row, outcome, subscribed.message)
