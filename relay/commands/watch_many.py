"""A list of jobs, watched as one batch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from model.job import Job
from model.states import AccountState
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService
from pixverse.pasted import Pasted, read_many
from relay.changes import Changes
from relay.commands.lookups import HeldBack, Lookups, Said, Silence, needs_asking, was_given_up
from relay.commands.refusals import (
    AccountInTrouble,
    NumberUnknown,
    PersonLimit,
    ServerLimit,
    TokenReplaced,
    TooManyJobs,
)
from relay.commands.results import Ask, Taken, WatchEntry, WatchResult
from relay.commands.subscribe import Limits, SubscribeRequest, SubscribeResult, SubscribeState, subscribe
from relay.commands.targets import by_number
from relay.commands.watch import LATER_SECONDS, PromptPosts, Standing
from relay.delivery import nonces
from relay.polling.job_recorder import JobRecorder, post_outcome
from storage import batches, deliveries, jobs, overviews
from storage.database import Database, Transaction
from storage.jobs import JobRow

AT_MOST = 25
"""Ids that one command takes."""

_TAKEN = {
    SubscribeState.WATCHED: Taken.WATCHED,
    SubscribeState.ALREADY_WATCHED: Taken.ALREADY_WATCHED,
    SubscribeState.TO_POST: Taken.POSTING,
    SubscribeState.ALREADY_POSTED: Taken.ALREADY_POSTED,
}


@dataclass(slots=True)
class _Wanted:
    """One id of the list, on its way."""

    text: str
    jobid: str | None = None
    number: int | None = None
    row: JobRow | None = None
    said: Said | None = None
    taken: Taken | None = None
    service: str | None = None
    subscribed: SubscribeResult | None = None


@dataclass(slots=True)
class _Written:
    """What the transaction did."""

    summary_id: int | None = None
    touched: list[int] = field(default_factory=list)


class WatchMany:
    """Lists of ids, each list watched as one batch."""

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

    async def watch(self, ask: Ask, text: str, mention: bool) -> WatchResult:
        """Does for a list of ids what `Watch.status` does for one, with one summary for all that was taken.

        Raises LooksLikeSecret where the text holds a token and no job, NotAJobId where it holds nothing, TooManyJobs,
        NoToken, StorageError; what is wrong with a single id stands in the result.
        """
        words = _words(text)
        account_id = self._lookups.account_of(ask.guild_id)
        wanted = await self._known(ask, account_id, [_parsed(word) for word in words])
        hold = await self._look_up(ask, account_id, wanted)
        written = await self._write(ask, account_id, wanted, mention=mention)
        for job_id in written.touched:
            self._changes.job_watched(job_id)
        self._changes.deliveries_added()
        summary = Standing() if written.summary_id is None else await self._prompt_posts.post(written.summary_id)
        entries = tuple([await self._entry(one) for one in wanted])
        return WatchResult(entries, summary.message_id, mention, hold, summary.refused, summary.on_its_way)

    async def with_summary(self, result: WatchResult) -> WatchResult:
        """The result of `watch` once its summary is posted or refused, or has not come for a minute."""
        if result.summary_on_its_way is None:
            return result
        summary = await self._prompt_posts.post(result.summary_on_its_way, LATER_SECONDS)
        return replace(result, summary_message_id=summary.message_id, refused=summary.refused, summary_on_its_way=None)

    async def _known(self, ask: Ask, account_id: int, wanted: list[_Wanted]) -> list[_Wanted]:
        """Fills in what the database knows; of two that name the same job the first stays."""
        kept: dict[str, _Wanted] = {}
        for one in wanted:
            if one.jobid is not None:
                one.row = await jobs.by_jobid(self._database.reader, account_id, one.jobid)
            elif one.number is not None:
                await self._named(ask, account_id, one, one.number)
            kept.setdefault(one.jobid or one.text, one)
        return list(kept.values())

    async def _named(self, ask: Ask, account_id: int, one: _Wanted, number: int) -> None:
        try:
            row = await by_number(self._database.reader, ask, number)
        except NumberUnknown:
            one.taken = Taken.NOT_FOUND
            return
        if row.account_id == account_id:
            one.row, one.jobid = row, row.jobid
        else:
            one.taken = Taken.NOT_FOUND

    async def _look_up(self, ask: Ask, account_id: int, wanted: list[_Wanted]) -> AccountState | None:
        """Asks about those of which only the API can tell; where it takes no question with this token, all are watched
        unseen, and the reason is returned."""
        asked = [one for one in wanted if one.jobid is not None and needs_asking(one.row)]
        ended = sum(one.row is not None and not needs_asking(one.row) for one in wanted)
        if ended:
            self._lookups.prepay(ask, account_id, ended)
        if not asked:
            return None
        try:
            self._lookups.require_ok(account_id)
            said = await self._lookups.many(ask, account_id, [one.jobid for one in asked if one.jobid is not None])
        except AccountInTrouble as trouble:
            return trouble.state
        for one in asked:
            one.said = said[one.jobid or ""]
            if one.row is None or was_given_up(one.row):
                one.taken = _not_taken(one.said)
            elif one.said is Silence.NOT_FOUND:
                await self._recorder.record_missing(one.row.id, account_id)
            elif one.said is Silence.EXPIRED:
                await self._recorder.record_expired(one.row.id, account_id)
        return None

    async def _write(self, ask: Ask, account_id: int, wanted: list[_Wanted], *, mention: bool) -> _Written:
        written = _Written()
        async with self._database.transaction() as tx:
            if self._lookups.accounts.in_force(ask.guild_id) != account_id:
                raise TokenReplaced
            batch_id = await batches.add(
                tx,
                guild_id=ask.guild_id,
                channel_id=ask.channel_id,
                user_id=ask.user_id,
                mention=mention,
                now=ask.at,
            )
            for one in wanted:
                if one.taken is None and one.jobid is not None:
                    answer = one.said if isinstance(one.said, Job) else None
                    request = SubscribeRequest(account_id, one.jobid, answer, mention, batch_id=batch_id)
                    await self._take(tx, ask, one, request)
            results = [one.subscribed for one in wanted if one.subscribed is not None]
            for result in results:
                # Only now: the last of them closes the batch if nothing in it is open.
                if result.state is SubscribeState.TO_POST:
                    await post_outcome(tx, result.row, result.subscription, ask.at)
            written.touched = [result.row.id for result in results]
            jobids = [result.row.jobid for result in results if result.subscription.batch_id == batch_id]
            if not jobids:
                await batches.remove(tx, batch_id)
                return written
            written.summary_id = await deliveries.add_summary(
                tx,
                batch_id=batch_id,
                guild_id=ask.guild_id,
                channel_id=ask.channel_id,
                base_nonce=nonces.for_summary(jobids, ask.channel_id, ask.at),
                now=ask.at,
            )
        return written

    async def _take(self, tx: Transaction, ask: Ask, one: _Wanted, request: SubscribeRequest) -> None:
        try:
            one.subscribed = await subscribe(tx, self._lookups.accounts, self._limits, ask, request)
        except PersonLimit:
            one.taken = Taken.PERSON_LIMIT
        except ServerLimit:
            one.taken = Taken.SERVER_LIMIT
        else:
            one.taken = _TAKEN[one.subscribed.state]

    async def _entry(self, one: _Wanted) -> WatchEntry:
        taken = one.taken or Taken.NOT_A_JOB_ID
        subscribed = one.subscribed
        if subscribed is None:
            return WatchEntry(one.text, taken, service=one.service)
        message_id = subscribed.message.message_id if subscribed.message is not None else None
        if taken is Taken.ALREADY_WATCHED:
            message_id = await overviews.shown_in(self._database.reader, subscribed.subscription.id)
        return WatchEntry(one.text, taken, message_id=message_id, api_down=one.said is Silence.NO_ANSWER)


def _words(text: str) -> list[Pasted]:
    words = read_many(text)
    if not words:
        raise NotAJobId("no job id")
    if all(isinstance(word.refusal, LooksLikeSecret) for word in words):
        raise LooksLikeSecret("that looks like a token")
    if len(words) > AT_MOST:
        raise TooManyJobs(len(words), AT_MOST)
    return words


def _parsed(word: Pasted) -> _Wanted:
    wanted = _Wanted(word.text, word.jobid, word.number)
    match word.refusal:
        case OtherKind():
            wanted.taken, wanted.service = Taken.OTHER_KIND, word.refusal.service_name
        case OtherService():
            wanted.taken, wanted.service = Taken.OTHER_SERVICE, word.refusal.service_name
        case LooksLikeSecret():
            wanted.taken = Taken.SECRET
        case NotAJobId():
            wanted.taken = Taken.NOT_A_JOB_ID
    return wanted


def _not_taken(said: Said) -> Taken | None:
    if said is Silence.NOT_FOUND:
        return Taken.NOT_FOUND
    if said is Silence.EXPIRED:
        return Taken.EXPIRED
    if isinstance(said, HeldBack):
        return Taken.NOT_LOOKED_UP
    return Taken.NOT_A_JOB_ID if said is Silence.BAD_QUESTION else None
