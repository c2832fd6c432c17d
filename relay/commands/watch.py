"""One job: how it stands, and watching it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from model import snapshots
from model.job import Job, outcome_of_state
from model.states import AccountState
from relay import merge
from relay.changes import Changes
from relay.commands import targets
from relay.commands.job_queries import OUTCOME_STATES
from relay.commands.lookups import Lookups, Said, Silence, needs_asking, refuse_unknown, was_given_up
from relay.commands.refusals import (
    AccountInTrouble,
    ApiDown,
    NotFound,
    NothingToDo,
    TokenReplaced,
)
from relay.commands.results import (
    AlreadyPosted,
    AlreadyWatched,
    Ask,
    Checked,
    CheckedBefore,
    CheckResult,
    NotChecked,
    NowWatching,
    Peek,
    PostingOutcome,
    StatusResult,
    Unchecked,
)
from relay.commands.stop import require_here
from relay.commands.subscribe import Limits, SubscribeRequest, SubscribeResult, SubscribeState, subscribe
from relay.commands.targets import Target
from relay.polling.job_recorder import JobRecorder, Recorded, post_outcome
from storage import delivery_queries, jobs, overviews, subscriptions
from storage.database import Database, Queries
from storage.jobs import JobRow

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

    def __init__(self, reader: Queries, deliver_now: Callable[[int, float], Awaitable[int | None]]) -> None:
        self._reader = reader
        self._deliver_now = deliver_now

    async def post(self, delivery_id: int, seconds: float = AT_ONCE_SECONDS) -> Standing:
        """What became of it within that time."""
        message_id = await self._deliver_now(delivery_id, seconds)
        if message_id is not None:
            return Standing(message_id)
        if await delivery_queries.is_blocked(self._reader, delivery_id):
            return Standing(refused=True)
        return Standing(on_its_way=delivery_id)


_UNCHECKED = {
    Silence.NOT_FOUND: Unchecked.NOT_KNOWN,
    Silence.EXPIRED: Unchecked.NOT_KNOWN,
    Silence.NO_ANSWER: Unchecked.NO_ANSWER,
    Silence.BAD_QUESTION: Unchecked.QUESTION_REFUSED,
}


class Watch:
    """One job at a time: how it stands, and watching it.

    Raises classes of `relay.commands.refusals` and, where a text is taken, of `pixverse.jobids`; StorageError as the
    database does. Nothing is then changed. Nothing of another server is told or touched.
    """

    def __init__(
        self,
        database: Database,
        lookups: Lookups,
        recorder: JobRecorder,
        prompt_posts: PromptPosts,
        changes: Changes,
        limits: Limits,
    ) -> None:
        self._database = database
        self._lookups = lookups
        self._recorder = recorder
        self._changes = changes
        self._limits = limits
        self._prompt_posts = prompt_posts

    async def status(
        self, ask: Ask, text: str, mention: bool, spoiler: bool, *, look_again: bool = False
    ) -> StatusResult:
        """Subscribes the channel to a job that has not ended; posts the outcome of one that has, once. With
        `look_again` the API is asked even if it answered a moment ago."""
        target = await self._target(ask, text)
        return await self._watch(ask, target, mention=mention, spoiler=spoiler, look_again=look_again)

    async def watch_again(self, ask: Ask, subscription_id: int) -> StatusResult:
        """Does what `status` does, for a subscription of this channel that was stopped."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        account_id = self._lookups.account_of(ask.guild_id)
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None:
            raise NothingToDo
        return await self._watch(ask, targets.of_row(row, account_id), mention=True, spoiler=here.spoiler)

    async def with_card(self, result: NowWatching) -> NowWatching:
        """The result of `status` once its card is posted or refused, or has not come for a minute."""
        if result.card_on_its_way is None:
            return result
        card = await self._prompt_posts.post(result.card_on_its_way, LATER_SECONDS)
        return replace(result, card_message_id=card.message_id, refused=card.refused, card_on_its_way=None)

    # ---- how it stands ----------------------------------------------------------------------------------------------

    async def peek(self, ask: Ask, text: str, *, look_again: bool = False) -> Peek:
        """Shows how a job stands; posts and subscribes nothing. `look_again` as for `status`."""
        target = await self._target(ask, text)
        row = target.row
        if row is not None and (target.other_account or not needs_asking(row)):
            return _peek(row)
        self._lookups.require_ok(target.account_id)
        said = await self._lookups.one(ask, target.account_id, target.jobid, look_again=look_again)
        refuse_unknown(said)
        if isinstance(said, Job):
            if row is None:
                return Peek(target.jobid, said, outcome_of_state(said.state), api_down=False)
            await self._record(row, said)
            job = merge.onward(snapshots.load(row.snapshot), said)
            return Peek(row.jobid, job, outcome_of_state(job.state), api_down=False)
        if row is None or await jobs.of_guild(self._database.reader, ask.guild_id, row.id) is None:
            raise ApiDown
        return replace(_peek(row), api_down=True)

    async def check_now(self, ask: Ask, subscription_id: int) -> CheckResult:
        """Asks the API about a job at once, but not twice within five seconds."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is not None and row.ended_at is not None and here.stopped_by is None:
            return await self._ended(row, here.id)
        if row is None or here.ended_at is not None:
            raise NothingToDo
        if self._lookups.account_of(ask.guild_id) != row.account_id:
            return NotChecked(snapshots.load(row.snapshot), Unchecked.OTHER_ACCOUNT)
        self._lookups.require_ok(row.account_id)
        return await self._check(ask, row)

    async def _check(self, ask: Ask, row: JobRow) -> CheckResult:
        asked_before = self._lookups.was_asked(row.account_id, row.jobid)
        said = await self._lookups.one(ask, row.account_id, row.jobid)
        recorded = await self._record(row, said)
        row = await jobs.by_id(self._database.reader, row.id) or row
        if row.ended_at is None and isinstance(said, Silence):
            why = _UNCHECKED[said]
            if said is Silence.NO_ANSWER and self._lookups.must_wait(row.account_id):
                why = Unchecked.HAS_TO_WAIT
            return NotChecked(snapshots.load(row.snapshot), why)
        if asked_before and recorded is Recorded.NOTHING:
            return CheckedBefore(snapshots.load(row.snapshot))
        return Checked(snapshots.load(row.snapshot), row.outcome, news=recorded is not Recorded.NOTHING)

    async def _ended(self, row: JobRow, subscription_id: int) -> AlreadyPosted:
        outcome = row.outcome
        message = await delivery_queries.outcome_message(self._database.reader, subscription_id, row.round)
        if outcome is None or message is None:
            raise NothingToDo
        state = OUTCOME_STATES.get(message.state)
        if state is None:
            raise NothingToDo
        return AlreadyPosted(subscription_id, snapshots.load(row.snapshot), outcome, message.message_id, state)

    async def _record(self, row: JobRow, said: Said) -> Recorded:
        recorded = Recorded.NOTHING
        if isinstance(said, Job):
            recorded = await self._recorder.record_response(row.id, said, row.account_id)
        elif said is Silence.NOT_FOUND:
            recorded = await self._recorder.record_missing(row.id, row.account_id)
        elif said is Silence.EXPIRED:
            recorded = await self._recorder.record_expired(row.id, row.account_id)
        self._changes.job_asked(row.id)
        return recorded

    # ---- watching it ------------------------------------------------------------------------------------------------

    async def _target(self, ask: Ask, text: str) -> Target:
        job = targets.parse(text)
        account_id = self._lookups.account_of(ask.guild_id)
        return await targets.find(self._database.reader, ask, job, account_id)

    async def _watch(
        self, ask: Ask, target: Target, *, mention: bool, spoiler: bool, look_again: bool = False
    ) -> StatusResult:
        said, hold = await self._said(ask, target, look_again=look_again)
        answer = said if isinstance(said, Job) else None
        request = SubscribeRequest(target.account_id, target.jobid, answer, mention, spoiler)
        accounts = self._lookups.accounts
        async with self._database.transaction() as tx:
            if not target.other_account and accounts.in_force(ask.guild_id) != target.account_id:
                raise TokenReplaced
            subscribed = await subscribe(tx, accounts, self._limits, ask, request)
            if subscribed.state is SubscribeState.TO_POST:
                await post_outcome(tx, subscribed.row, subscribed.subscription, ask.at)
        self._changes.job_watched(subscribed.row.id)
        self._changes.deliveries_added()
        result = await self._result(subscribed, mention=mention, api_down=said is Silence.NO_ANSWER, target=target)
        return replace(result, hold=hold) if isinstance(result, NowWatching | AlreadyWatched) else result

    async def _said(self, ask: Ask, target: Target, *, look_again: bool) -> tuple[Said | None, AccountState | None]:
        """What the API says, recorded where it is no news of a job's going on; None where it need not be asked, or
        cannot be with this token: the job is then watched all the same.

        Where the job has ended, its links may have run out: the look for fresh ones is counted now.
        """
        row = target.row
        if row is not None and target.other_account:
            await self._require_of_use(ask, row)
        if row is not None and (target.other_account or not needs_asking(row)):
            if row.ended_at is not None:
                self._lookups.prepay(ask, row.account_id)
            return None, None
        try:
            self._lookups.require_ok(target.account_id)
            said = await self._lookups.one(ask, target.account_id, target.jobid, look_again=look_again)
        except AccountInTrouble as trouble:
            return None, trouble.state
        if row is None or was_given_up(row):
            refuse_unknown(said)
        elif not isinstance(said, Job):
            await self._record(row, said)
        return said, None

    async def _require_of_use(self, ask: Ask, row: JobRow) -> None:
        """A job of an account that is no longer in force can be posted if it has ended, and be waited for where it
        is waited for already."""
        ended = row.ended_at is not None and not was_given_up(row)
        if not (ended or await self._waits_here(ask, row)):
            raise NotFound

    async def _waits_here(self, ask: Ask, row: JobRow) -> bool:
        here = await subscriptions.in_channel(self._database.reader, row.id, ask.channel_id)
        return here is not None and here.ended_at is None

    async def _result(
        self, subscribed: SubscribeResult, *, mention: bool, api_down: bool, target: Target
    ) -> StatusResult:
        subscription_id = subscribed.subscription.id
        job, outcome = snapshots.load(subscribed.row.snapshot), subscribed.row.outcome
        if subscribed.state is SubscribeState.WATCHED:
            card = Standing() if subscribed.card_id is None else await self._prompt_posts.post(subscribed.card_id)
            return NowWatching(
                subscription_id,
                job,
                card.message_id,
                mention,
                api_down,
                refused=card.refused,
                card_on_its_way=card.on_its_way,
            )
        if subscribed.state is SubscribeState.ALREADY_WATCHED or outcome is None:
            message_id = await overviews.shown_in(self._database.reader, subscription_id)
            on_hold = target.other_account or subscribed.row.account_id != target.account_id
            return AlreadyWatched(subscription_id, message_id, mention, api_down, on_hold=on_hold)
        if subscribed.message is None:
            return PostingOutcome(job, outcome)
        return AlreadyPosted(
            subscription_id, job, outcome, subscribed.message.message_id, OUTCOME_STATES[subscribed.message.state]
        )


def _peek(row: JobRow) -> Peek:
    return Peek(row.jobid, snapshots.load(row.snapshot), row.outcome, api_down=False)
