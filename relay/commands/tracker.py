"""What commands and buttons call: look at a job, watch it, watch it no more."""

from __future__ import annotations

from dataclasses import replace

from model import snapshots
from relay.commands import targets
from relay.commands.afterwards import Afterwards
from relay.commands.known import Known
from relay.commands.limits import Limits
from relay.commands.lookups import Lookups
from relay.commands.many import Many
from relay.commands.promptly import LATER_SECONDS, Promptly
from relay.commands.refusals import NothingToDo
from relay.commands.results import (
    Ask,
    CheckResult,
    Choice,
    JobDetails,
    Listing,
    MentionSet,
    NotChecked,
    NowWatching,
    Peek,
    PostedAgain,
    StatusResult,
    StoppedAll,
    StopResult,
    Unchecked,
    WatchResult,
)
from relay.commands.single import Single
from relay.commands.stopping import Stopping, require_here
from relay.commands.targets import Target
from relay.polling.answers import Answers
from relay.polling.questions import Accounts, Questions
from relay.ports import Cards, JobWatch, PromptOutbox
from storage import jobs, subscriptions
from storage.database import Database


class Tracker:
    """Everything that people ask of the relay. Every method raises classes of
    `relay.commands.refusals`, and StorageError as the database does; nothing is then changed. Those that take a text
    raise those of `pixverse.jobids` too.

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
    ) -> None:
        self._database = database
        self._promptly = Promptly(database, outbox)
        self._lookups = lookups
        self._single = Single(database, questions, lookups, answers, accounts, outbox, cards, poller, limits=limits)
        self._many = Many(database, lookups, answers, accounts, outbox, cards, poller, limits=limits)
        self._stopping = Stopping(database, cards, poller)
        self._known = Known(database.reader, accounts)
        self._afterwards = Afterwards(database, lookups, answers, outbox)

    # ---- looking and watching ---------------------------------------------------------------------------------------

    async def status(self, ask: Ask, text: str, mention: bool, spoiler: bool, *, anew: bool = False) -> StatusResult:
        """Subscribes the channel to a job that has not ended; posts the outcome of one that has, once. With `anew`, the
        API is asked whatever it said a moment ago."""
        target = await self._target(ask, text)
        return await self._single.watch(ask, target, mention=mention, spoiler=spoiler, anew=anew)

    async def watch_again(self, ask: Ask, subscription_id: int) -> StatusResult:
        """Does what `status` does, for a subscription of this channel that was stopped."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        account_id = self._lookups.account_of(ask.guild_id)
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None:
            raise NothingToDo
        return await self._single.watch(ask, targets.of_row(row, account_id), mention=True, spoiler=here.spoiler)

    async def peek(self, ask: Ask, text: str, *, anew: bool = False) -> Peek:
        """Shows how a job stands; posts and subscribes nothing. `anew` as for `status`."""
        return await self._single.peek(ask, await self._target(ask, text), anew=anew)

    async def watch(self, ask: Ask, text: str, mention: bool) -> WatchResult:
        """Does for a list of ids what `status` does for one, with one summary for all that was taken.

        Raises TooManyJobs; what is wrong with a single id stands in the result.
        """
        words = self._many.words(text)
        account_id = self._lookups.account_of(ask.guild_id)
        return await self._many.watch(ask, account_id, words, mention=mention)

    async def with_card(self, result: NowWatching) -> NowWatching:
        """The result of `status` once its card stands or is refused, or has not come for a minute."""
        if result.card_on_its_way is None:
            return result
        card = await self._promptly.post(result.card_on_its_way, LATER_SECONDS)
        return replace(result, card_message_id=card.message_id, refused=card.refused, card_on_its_way=None)

    async def with_summary(self, result: WatchResult) -> WatchResult:
        """The same for `watch` and its summary."""
        if result.summary_on_its_way is None:
            return result
        summary = await self._promptly.post(result.summary_on_its_way, LATER_SECONDS)
        return replace(result, summary_message_id=summary.message_id, refused=summary.refused, summary_on_its_way=None)

    async def check_now(self, ask: Ask, subscription_id: int) -> CheckResult:
        """Asks about a job at once, but not twice within five seconds."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is not None and row.ended_at is not None and here.stopped_by is None:
            return await self._single.ended(row, here.id)
        if row is None or here.ended_at is not None:
            raise NothingToDo
        if self._lookups.account_of(ask.guild_id) != row.account_id:
            return NotChecked(snapshots.load(row.snapshot), Unchecked.OTHER_ACCOUNT)
        self._lookups.require_ok(row.account_id)
        return await self._single.check(ask, row)

    async def _target(self, ask: Ask, text: str) -> Target:
        job = targets.parse(text)
        account_id = self._lookups.account_of(ask.guild_id)
        return await targets.find(self._database.reader, ask, job, account_id)

    # ---- watching no more -------------------------------------------------------------------------------------------

    async def unwatch(self, ask: Ask, text: str, may_manage: bool) -> StopResult:
        """Takes the asker off; ends the subscription with its last asker, or for somebody who may manage messages."""
        job = targets.parse(text)
        return await self._stopping.by_job(ask, job, may_manage=may_manage)

    async def stop(self, ask: Ask, subscription_id: int, may_manage: bool) -> StopResult:
        """Does what `unwatch` does, for the button of a card."""
        return await self._stopping.by_button(ask, subscription_id, may_manage=may_manage)

    async def stop_all(self, ask: Ask, batch_id: int, may_manage: bool) -> StoppedAll:
        """Does so for every job of a batch that has not ended."""
        return await self._stopping.batch(ask, batch_id, may_manage=may_manage)

    # ---- what is known ----------------------------------------------------------------------------------------------

    async def list(self, ask: Ask) -> Listing:
        """This channel's open subscriptions."""
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
        return await self._afterwards.set_mention(ask, subscription_id, mention=mention)

    async def post_again(self, ask: Ask, subscription_id: int, answer_id: int) -> PostedAgain:
        """Posts a job's outcome once more, with fresh links where the API still gives them; once for each answer whose
        button is pressed."""
        return await self._afterwards.post_again(ask, subscription_id, answer_id)
