"""One job: how it stands, and watching it."""

from __future__ import annotations

from dataclasses import replace

from model import snapshots
from model.job import Job, outcome_of_state
from relay import merge
from relay.commands.known import OUTCOME_STATES, outcome_of
from relay.commands.limits import Limits
from relay.commands.lookups import Lookups, Said, Silence, needs_asking, refuse_unknown, was_given_up
from relay.commands.promptly import Promptly, Standing
from relay.commands.refusals import (
    ApiDown,
    NotFound,
    NothingToDo,
    SubscriptionUnpaid,
    TokenMissing,
    TokenRefused,
    TokenReplaced,
)
from relay.commands.results import (
    AlreadyPosted,
    AlreadyWatched,
    Ask,
    Checked,
    CheckedBefore,
    CheckResult,
    Hold,
    NotChecked,
    NowWatching,
    Peek,
    PostingOutcome,
    StatusResult,
    Unchecked,
)
from relay.commands.seats import Seat, Seated, Wish, take
from relay.commands.targets import Target
from relay.delivery import nonces
from relay.polling.answers import Answers, Recorded, post_outcome
from relay.polling.questions import Accounts, Questions
from relay.ports import Cards, JobWatch, PromptOutbox
from storage import jobs, overviews, subscriptions
from storage.database import Database
from storage.jobs import JobRow

_UNCHECKED = {
    Silence.NOT_FOUND: Unchecked.NOT_KNOWN,
    Silence.EXPIRED: Unchecked.NOT_KNOWN,
    Silence.NO_ANSWER: Unchecked.NO_ANSWER,
    Silence.BAD_QUESTION: Unchecked.QUESTION_REFUSED,
}


class Single:
    """Takes one job at a time. Raises classes of `relay.commands.refusals`, and StorageError as the database does."""

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
    ) -> None:
        self._database = database
        self._questions = questions
        self._lookups = lookups
        self._answers = answers
        self._accounts = accounts
        self._outbox = outbox
        self._promptly = Promptly(database, outbox)
        self._cards = cards
        self._poller = poller
        self._limits = limits

    # ---- how it stands ----------------------------------------------------------------------------------------------

    async def peek(self, ask: Ask, target: Target, *, anew: bool = False) -> Peek:
        """Shows how a job stands; posts and subscribes nothing. `anew` as for `watch`."""
        row = target.row
        if row is not None and (target.other_account or not needs_asking(row)):
            return _peek(row)
        self._lookups.require_ok(target.account_id)
        said = await self._lookups.one(ask, target.account_id, target.jobid, anew=anew)
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

    async def check(self, ask: Ask, row: JobRow) -> CheckResult:
        """Asks about a job of the account in force, but not twice within five seconds."""
        recent = self._questions.recent(row.account_id, row.jobid)
        said = await self._lookups.one(ask, row.account_id, row.jobid)
        recorded = await self._record(row, said)
        row = await jobs.by_id(self._database.reader, row.id) or row
        if row.ended_at is None and isinstance(said, Silence):
            why = _UNCHECKED[said]
            if said is Silence.NO_ANSWER and self._lookups.must_wait(row.account_id):
                why = Unchecked.HAS_TO_WAIT
            return NotChecked(snapshots.load(row.snapshot), why)
        if recent is not None and recorded is Recorded.NOTHING:
            return CheckedBefore(snapshots.load(row.snapshot))
        return Checked(snapshots.load(row.snapshot), outcome_of(row), news=recorded is not Recorded.NOTHING)

    async def ended(self, row: JobRow, subscription_id: int) -> AlreadyPosted:
        """How a job has ended, and where its outcome stands. Raises NothingToDo where there is none here."""
        outcome = outcome_of(row)
        message = await overviews.outcome_message(
            self._database.reader, subscription_id, nonces.outcome_kind(row.round)
        )
        if outcome is None or message is None:
            raise NothingToDo
        state = OUTCOME_STATES.get(message.state)
        if state is None:
            raise NothingToDo
        return AlreadyPosted(subscription_id, snapshots.load(row.snapshot), outcome, message.message_id, state)

    async def _record(self, row: JobRow, said: Said) -> Recorded:
        recorded = Recorded.NOTHING
        if isinstance(said, Job):
            recorded = await self._answers.record_answer(row.id, said, row.account_id)
        elif said is Silence.NOT_FOUND:
            recorded = await self._answers.record_missing(row.id, row.account_id)
        elif said is Silence.EXPIRED:
            recorded = await self._answers.record_expired(row.id, row.account_id)
        self._poller.job_changed(row.id)
        return recorded

    # ---- watching it ------------------------------------------------------------------------------------------------

    async def watch(
        self, ask: Ask, target: Target, *, mention: bool, spoiler: bool, anew: bool = False
    ) -> StatusResult:
        """Subscribes the channel to a job that has not ended; posts the outcome of one that has, once. With `anew`, the
        API is asked whatever it said a moment ago."""
        said, hold = await self._said(ask, target, anew=anew)
        answer = said if isinstance(said, Job) else None
        wish = Wish(target.account_id, target.jobid, answer, mention, spoiler)
        async with self._database.transaction() as tx:
            if not target.other_account and self._accounts.in_force(ask.guild_id) != target.account_id:
                raise TokenReplaced
            seated = await take(tx, self._accounts, self._limits, ask, wish)
            if seated.seat is Seat.TO_POST:
                await post_outcome(tx, seated.row, seated.subscription, ask.at)
        self._poller.job_changed(seated.row.id)
        self._outbox.wake()
        self._cards.job_changed(seated.row.id)
        result = await self._result(seated, mention=mention, api_down=said is Silence.NO_ANSWER, target=target)
        return replace(result, hold=hold) if isinstance(result, NowWatching | AlreadyWatched) else result

    async def _said(self, ask: Ask, target: Target, *, anew: bool) -> tuple[Said | None, Hold | None]:
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
            said = await self._lookups.one(ask, target.account_id, target.jobid, anew=anew)
        except TokenRefused:
            return None, Hold.REFUSED
        except SubscriptionUnpaid:
            return None, Hold.UNPAID
        except TokenMissing:
            return None, Hold.MISSING
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

    async def _result(self, seated: Seated, *, mention: bool, api_down: bool, target: Target) -> StatusResult:
        subscription_id = seated.subscription.id
        job, outcome = snapshots.load(seated.row.snapshot), outcome_of(seated.row)
        if seated.seat is Seat.WATCHED:
            card = Standing() if seated.card_id is None else await self._promptly.post(seated.card_id)
            return NowWatching(
                subscription_id,
                job,
                card.message_id,
                mention,
                api_down,
                refused=card.refused,
                card_on_its_way=card.on_its_way,
            )
        if seated.seat is Seat.ALREADY_WATCHED or outcome is None:
            message_id = await overviews.shown_in(self._database.reader, subscription_id)
            on_hold = target.other_account or seated.row.account_id != target.account_id
            return AlreadyWatched(subscription_id, message_id, mention, api_down, on_hold=on_hold)
        if seated.message is None:
            return PostingOutcome(job, outcome)
        return AlreadyPosted(
            subscription_id, job, outcome, seated.message.message_id, OUTCOME_STATES[seated.message.state]
        )


def _peek(row: JobRow) -> Peek:
    return Peek(row.jobid, snapshots.load(row.snapshot), outcome_of(row), api_down=False)
