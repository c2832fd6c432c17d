"""What commands and buttons call: look at a job, watch it, watch it no more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixverse.job import Job
from pixverse.jobids import parse_jobid, short_number
from relay import snapshots
from relay.commands.afterwards import Afterwards
from relay.commands.known import OUTCOME_STATES, Known, outcome_of
from relay.commands.limits import CommandRate, Limits
from relay.commands.lookups import Lookups, Said, Silence, needs_asking, refuse_unknown, was_given_up
from relay.commands.many import Many
from relay.commands.refusals import ApiDown, NotFound, NothingToDo, NumberUnknown, SubscriptionUnpaid, TokenRefused
from relay.commands.results import (
    AlreadyPosted,
    AlreadyWatched,
    Ask,
    Checked,
    CheckedBefore,
    CheckResult,
    Choice,
    JobDetails,
    Listing,
    MentionSet,
    NotChecked,
    NowWatching,
    Peek,
    PostedAgain,
    PostingOutcome,
    StatusResult,
    StoppedAll,
    StopResult,
    WatchResult,
)
from relay.commands.seats import Seat, Seated, Wish, take
from relay.commands.stopping import Stopping, require_here
from relay.outcomes import outcome_of_state
from relay.polling.answers import Answers, Recorded, post_outcome
from relay.polling.questions import FRESH_SECONDS, Accounts, Questions
from relay.ports import Cards, JobWatch, PromptOutbox
from storage import jobs, overviews, subscriptions
from storage.database import Database
from storage.jobs import JobRow


@dataclass(frozen=True, slots=True)
class _Target:
    """The job that a text names."""

    account_id: int
    jobid: str
    row: JobRow | None
    other_account: bool = False
    """It was watched here with another account than the one in force."""


class Tracker:
    """Everything that people ask of the relay. Every method raises classes of `relay.commands.refusals`, and
    sqlite3.Error as the database does; nothing is then changed. Those that take a text raise those of
    `pixverse.jobids` too.

    Nothing of another server is told or touched; what a button may do is held to the channel that it stands in.
    """

    def __init__(
        self,
        database: Database,
        questions: Questions,
        lookups: Lookups,
        answers: Answers,
        accounts: Accounts,
        outbox: PromptOutbox,
        cards: Cards,
        poller: JobWatch,
        *,
        limits: Limits,
        rate: CommandRate,
    ) -> None:
        self._database = database
        self._questions = questions
        self._lookups = lookups
        self._answers = answers
        self._accounts = accounts
        self._outbox = outbox
        self._cards = cards
        self._poller = poller
        self._limits = limits
        self._rate = rate
        self._stopping = Stopping(database, cards, poller)
        self._known = Known(database.reader, accounts)
        self._afterwards = Afterwards(database, lookups, answers, outbox)
        self._many = Many(database, lookups, answers, accounts, outbox, cards, poller, limits=limits)

    # ---- looking and watching ---------------------------------------------------------------------------------------

    async def status(self, ask: Ask, text: str, mention: bool, spoiler: bool) -> StatusResult:
        """Subscribes the channel to a job that has not ended; posts the outcome of one that has, once."""
        target = await self._target(ask, text)
        return await self._watch_one(ask, target, mention=mention, spoiler=spoiler)

    async def watch_again(self, ask: Ask, subscription_id: int) -> StatusResult:
        """Does what `status` does, for a subscription of this channel that was stopped."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        self._rate.use(ask.user_id)
        account_id = self._lookups.account_in_force(ask.guild_id)
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None:
            raise NothingToDo
        target = _Target(row.account_id, row.jobid, row, other_account=row.account_id != account_id)
        return await self._watch_one(ask, target, mention=True, spoiler=here.spoiler)

    async def peek(self, ask: Ask, text: str) -> Peek:
        """Shows how a job stands; posts and subscribes nothing."""
        target = await self._target(ask, text)
        row = target.row
        known = row is not None and await jobs.of_guild(self._database.reader, ask.guild_id, row.id) is not None
        if row is not None and (target.other_account or not needs_asking(row)):
            return _peek(row, row.id if known else None)
        self._lookups.require_ok(target.account_id)
        said = await self._lookups.one(target.account_id, target.jobid)
        refuse_unknown(said)
        if isinstance(said, Job):
            if row is None:
                return Peek(target.jobid, None, said, outcome_of_state(said.state), api_down=False)
            await self._record(row, said)
            job = snapshots.onward(snapshots.load(row.snapshot), said)
            return Peek(row.jobid, row.id if known else None, job, outcome_of_state(job.state), api_down=False)
        if row is None or not known:
            raise ApiDown
        return replace(_peek(row, row.id), api_down=True)

    async def watch(self, ask: Ask, text: str, mention: bool) -> WatchResult:
        """Does for a list of ids what `status` does for one, with one summary for all that was taken.

        Raises TooManyJobs; what is wrong with a single id stands in the result.
        """
        words = self._many.words(text)
        self._rate.use(ask.user_id)
        account_id = self._lookups.account_in_force(ask.guild_id)
        return await self._many.watch(ask, account_id, words, mention=mention)

    async def check_now(self, ask: Ask, subscription_id: int) -> CheckResult:
        """Asks about a job at once, but not twice within five seconds."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None or here.ended_at is not None or row.ended_at is not None:
            raise NothingToDo
        self._rate.use(ask.user_id)
        account_id = self._lookups.account_in_force(ask.guild_id)
        if account_id != row.account_id:
            return NotChecked(row.id, snapshots.load(row.snapshot))
        recent = self._questions.recent(account_id, row.jobid)
        said = await self._lookups.one(account_id, row.jobid)
        recorded = await self._record(row, said)
        row = await jobs.by_id(self._database.reader, row.id) or row
        job, outcome = snapshots.load(row.snapshot), outcome_of(row)
        if said in {Silence.NO_ANSWER, Silence.BAD_QUESTION}:
            return NotChecked(row.id, job)
        if recent is not None:
            return CheckedBefore(row.id, job, outcome, recent.at, recent.at + round(FRESH_SECONDS * 1000))
        return Checked(row.id, job, outcome, news=recorded is not Recorded.NOTHING)

    # ---- watching no more -------------------------------------------------------------------------------------------

    async def unwatch(self, ask: Ask, text: str, may_manage: bool) -> StopResult:
        """Takes the asker off; ends the subscription with its last asker, or for somebody who may manage messages."""
        job = _parse(text)
        self._rate.use(ask.user_id)
        return await self._stopping.by_job(ask, job, may_manage=may_manage)

    async def stop(self, ask: Ask, subscription_id: int, may_manage: bool) -> StopResult:
        """Does what `unwatch` does, for the button of a card."""
        self._rate.use(ask.user_id)
        return await self._stopping.by_button(ask, subscription_id, may_manage=may_manage)

    async def stop_all(self, ask: Ask, batch_id: int, may_manage: bool) -> StoppedAll:
        """Does so for every job of a batch that has not ended."""
        self._rate.use(ask.user_id)
        return await self._stopping.batch(ask, batch_id, may_manage=may_manage)

    # ---- what is known ----------------------------------------------------------------------------------------------

    async def list(self, ask: Ask) -> Listing:
        """This channel's open subscriptions."""
        self._rate.use(ask.user_id)
        return await self._known.listing(ask)

    async def choices(self, ask: Ask, typed: str) -> tuple[Choice, ...]:
        """At most 25 jobs of the asker's and of this channel's whose prompt or number fits, newest first."""
        return await self._known.choices(ask, typed)

    async def watched_choices(self, ask: Ask, typed: str) -> tuple[Choice, ...]:
        """The same of the jobs that this channel waits for."""
        return await self._known.watched_choices(ask, typed)

    async def details(self, ask: Ask, base_nonce: str) -> JobDetails:
        """Everything known of the job whose outcome in this channel carries the nonce."""
        return await self._known.details(ask, base_nonce)

    # ---- buttons of an answer ---------------------------------------------------------------------------------------

    async def set_mention(self, ask: Ask, subscription_id: int, mention: bool) -> MentionSet:
        """Whether the asker, who waits for the job, is pinged at its end."""
        self._rate.use(ask.user_id)
        return await self._afterwards.set_mention(ask, subscription_id, mention=mention)

    async def post_again(self, ask: Ask, subscription_id: int) -> PostedAgain:
        """Posts a job's outcome once more, with fresh links where the API still gives them."""
        self._rate.use(ask.user_id)
        return await self._afterwards.post_again(ask, subscription_id)

    # ---- inside -----------------------------------------------------------------------------------------------------

    async def _target(self, ask: Ask, text: str) -> _Target:
        job = _parse(text)
        self._rate.use(ask.user_id)
        account_id = self._lookups.account_of(ask.guild_id)
        if isinstance(job, str):
            return _Target(account_id, job, await jobs.by_jobid(self._database.reader, account_id, job))
        row = await jobs.of_guild(self._database.reader, ask.guild_id, job)
        if row is None:
            raise NumberUnknown
        return _Target(row.account_id, row.jobid, row, other_account=row.account_id != account_id)

    async def _watch_one(self, ask: Ask, target: _Target, *, mention: bool, spoiler: bool) -> StatusResult:
        said = await self._said(ask, target)
        answer = said if isinstance(said, Job) else None
        wish = Wish(target.account_id, target.jobid, answer, mention, spoiler)
        async with self._database.transaction() as tx:
            seated = await take(tx, self._accounts, self._limits, ask, wish)
            if seated.seat is Seat.TO_POST:
                await post_outcome(tx, seated.row, seated.subscription, ask.at)
        self._poller.job_changed(seated.row.id)
        self._outbox.wake()
        self._cards.job_changed(seated.row.id)
        return await self._result(seated, mention=mention, api_down=said is Silence.NO_ANSWER, target=target)

    async def _said(self, ask: Ask, target: _Target) -> Said | None:
        """What the API says, recorded where it is no news of a job's going on; None where it need not be asked."""
        row = target.row
        if row is not None and target.other_account:
            await self._require_of_use(ask, row)
            return None
        if not needs_asking(row):
            return None
        try:
            self._lookups.require_ok(target.account_id)
            said = await self._lookups.one(target.account_id, target.jobid)
        except (TokenRefused, SubscriptionUnpaid):
            if row is None or not await self._waits_here(ask, row):
                raise
            return None  # The card says already that it is on hold.
        if row is None or was_given_up(row):
            refuse_unknown(said)
        elif not isinstance(said, Job):
            await self._record(row, said)
        return said

    async def _require_of_use(self, ask: Ask, row: JobRow) -> None:
        """A job of an account that is no longer in force can be posted if it has ended, and be waited for where it
        is waited for already."""
        ended = row.ended_at is not None and not was_given_up(row)
        if not (ended or await self._waits_here(ask, row)):
            raise NotFound

    async def _waits_here(self, ask: Ask, row: JobRow) -> bool:
        here = await subscriptions.in_channel(self._database.reader, row.id, ask.channel_id)
        return here is not None and here.ended_at is None

    async def _record(self, row: JobRow, said: Said) -> Recorded:
        recorded = Recorded.NOTHING
        if isinstance(said, Job):
            recorded = await self._answers.record_answer(row.id, said)
        elif said is Silence.NOT_FOUND:
            recorded = await self._answers.record_missing(row.id)
        elif said is Silence.EXPIRED:
            recorded = await self._answers.record_expired(row.id)
        self._poller.job_changed(row.id)
        return recorded

    async def _result(self, seated: Seated, *, mention: bool, api_down: bool, target: _Target) -> StatusResult:
        subscription_id, number = seated.subscription.id, seated.row.id
        job, outcome = snapshots.load(seated.row.snapshot), outcome_of(seated.row)
        if seated.seat is Seat.WATCHED:
            message_id = await self._outbox.deliver_now(seated.card_id) if seated.card_id is not None else None
            return NowWatching(subscription_id, number, job, message_id, mention, api_down)
        if seated.seat is Seat.ALREADY_WATCHED or outcome is None:
            message_id = await overviews.shown_in(self._database.reader, subscription_id)
            return AlreadyWatched(
                subscription_id, number, job, message_id, mention, api_down, on_hold=target.other_account
            )
        if seated.message is None:
            return PostingOutcome(subscription_id, number, job, outcome)
        state = OUTCOME_STATES[seated.message.state]
        return AlreadyPosted(subscription_id, number, job, outcome, seated.message.message_id, state)


def _parse(text: str) -> int | str:
    number = short_number(text)
    return parse_jobid(text) if number is None else number


def _peek(row: JobRow, number: int | None) -> Peek:
    return Peek(row.jobid, number, snapshots.load(row.snapshot), outcome_of(row), api_down=False)
