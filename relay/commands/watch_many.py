"""Watches a list of jobs as one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from model.job import Job
from model.states import AccountState
from pixverse.api_errors import BadRequest, JobExpired, JobNotFound
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService
from pixverse.pasted import Pasted, read_many
from relay.changes import Changes
from relay.commands.ask import Ask, account_of, find_by_number, find_on_hold_here, find_posted_here, waits_here
from relay.commands.lookups import LookupResult, Lookups, is_unanswered, needs_lookup, was_given_up
from relay.commands.refusals import (
    AccountInTrouble,
    NumberUnknown,
    PersonLimit,
    ServerLimit,
    TokenReplaced,
    TooFast,
    TooManyJobs,
)
from relay.commands.subscribe import Limits, SubscribeRequest, SubscribeResult, SubscribeState, subscribe
from relay.commands.watch import AlreadyPosted, ImmediatePost, ImmediatePosts
from relay.delivery import nonces
from relay.polling.job_recorder import post_outcome
from storage import batches, deliveries, jobs, overviews
from storage.database import Database, Transaction
from storage.delivery_queries import OutcomeMessage
from storage.jobs import JobRow

AT_MOST = 25
"""Maximum number of ids in one command."""


# ---- results --------------------------------------------------------------------------------------------------------


class EntryStatus(StrEnum):
    """What was done about one id in a list."""

    WATCHED = "watched"
    POSTING = "posting"
    """The job has ended; its outcome is being posted and counts towards the batch."""
    ALREADY_WATCHED = "already watched"
    ALREADY_POSTED = "already posted"
    """The job's outcome was posted in this channel before, or is in the outbox for it."""
    NOT_FOUND = "not found"
    EXPIRED = "expired"
    NOT_A_JOB_ID = "not a job id"
    OTHER_SERVICE = "other service"
    OTHER_KIND = "other kind"
    """A PixVerse job that makes neither a video nor an image."""
    SECRET = "secret"
    """The word looks like a token. It is stored nowhere."""
    PERSON_LIMIT = "person limit"
    SERVER_LIMIT = "server limit"
    NOT_LOOKED_UP = "not looked up"
    """The lookup would have needed more requests than people may cause at present."""

    @property
    def in_batch(self) -> bool:
        """Whether the job belongs to the batch."""
        return self in (EntryStatus.WATCHED, EntryStatus.POSTING)


@dataclass(frozen=True, slots=True)
class WatchEntry:
    """The result for one id of the list."""

    text: str
    """The id as it was typed, trimmed; empty for a SECRET."""
    status: EntryStatus
    message_id: int | None = None
    """The id of the card or summary if ALREADY_WATCHED, of the outcome if ALREADY_POSTED."""
    api_down: bool = False
    """Whether the API did not respond. The job is watched anyway."""
    service: str | None = None
    """The name of the service or kind, if OTHER_SERVICE or OTHER_KIND."""
    on_hold: bool = False
    """If ALREADY_WATCHED: whether the job belongs to an account other than the one in force here."""
    posted: AlreadyPosted | None = None
    """If ALREADY_POSTED: what became of the outcome."""


@dataclass(frozen=True, slots=True)
class WatchResult:
    """The results for all ids, in the order in which they were given."""

    entries: tuple[WatchEntry, ...]
    summary: ImmediatePost
    mention: bool
    hold: AccountState | None = None
    """What is wrong with the server's token, if that kept jobs from being looked up. Its account's jobs are on hold."""


# ---- watching -------------------------------------------------------------------------------------------------------


_STATUS = {
    SubscribeState.WATCHED: EntryStatus.WATCHED,
    SubscribeState.ALREADY_WATCHED: EntryStatus.ALREADY_WATCHED,
    SubscribeState.TO_POST: EntryStatus.POSTING,
    SubscribeState.ALREADY_POSTED: EntryStatus.ALREADY_POSTED,
}


@dataclass(slots=True)
class _Wanted:
    """One id of the list, with what is known about it so far."""

    text: str
    jobid: str | None = None
    number: int | None = None
    row: JobRow | None = None
    on_hold: bool = False
    """Whether this channel waits for the job under an account other than the one in force."""
    found: LookupResult | None = None
    status: EntryStatus | None = None
    posted: AlreadyPosted | None = None
    """The outcome, if it was posted under another account."""
    service: str | None = None
    subscribed: SubscribeResult | None = None


class WatchMany:
    """Watches lists of jobs, each list as one batch."""

    def __init__(
        self, database: Database, lookups: Lookups, immediate_posts: ImmediatePosts, changes: Changes, limits: Limits
    ) -> None:
        self._database = database
        self._lookups = lookups
        self._changes = changes
        self._limits = limits
        self.immediate_posts = immediate_posts

    async def watch(self, ask: Ask, text: str, mention: bool) -> WatchResult:
        """Watches the jobs that the text names, with one summary for all of them; posts the outcomes of ended ones.

        Raises LooksLikeSecret if the text contains only tokens, NotAJobId if it is empty, TooManyJobs, NoToken,
        TokenReplaced, TooFast and StorageError. Problems with single ids are part of the result.
        """
        words = _words(text)
        account_id = account_of(self._lookups.accounts, ask.guild_id)
        wanted = await self._known(ask, account_id, [_parsed(word) for word in words])
        hold = await self._look_up(ask, account_id, wanted)
        summary_id = await self._write(ask, account_id, wanted, mention=mention, hold=hold)
        for one in wanted:
            if one.subscribed is not None:
                self._changes.job_watched(one.subscribed.row.id)
        self._changes.deliveries_added()
        summary = await self.immediate_posts.post(summary_id)
        entries = tuple([await self._entry(one, account_id) for one in wanted])
        return WatchResult(entries, summary, mention, hold)

    async def with_summary(self, result: WatchResult) -> WatchResult:
        """Returns the result of `watch` once its summary is posted or refused, or after a minute."""
        return replace(result, summary=await self.immediate_posts.after_waiting(result.summary))

    async def _known(self, ask: Ask, account_id: int, wanted: list[_Wanted]) -> list[_Wanted]:
        """Fills in what the database knows. Of several ids for the same job, the first is kept."""
        kept: dict[str, _Wanted] = {}
        for one in wanted:
            if one.number is not None:
                await self._fill_in_numbered(ask, account_id, one, one.number)
            elif one.jobid is not None:
                one.row = await jobs.by_jobid(self._database.reader, account_id, one.jobid)
                await self._fill_in_posted(ask, account_id, one, one.jobid)
            kept.setdefault(one.jobid or one.text, one)
        return list(kept.values())

    async def _fill_in_numbered(self, ask: Ask, account_id: int, one: _Wanted, number: int) -> None:
        try:
            row = await find_by_number(self._database.reader, ask, number)
        except NumberUnknown:
            one.status = EntryStatus.NOT_FOUND
            return
        one.on_hold = row.account_id != account_id and await waits_here(self._database.reader, ask, row.id)
        if row.account_id == account_id or one.on_hold:
            one.row, one.jobid = row, row.jobid
        else:
            one.status = EntryStatus.NOT_FOUND
            await self._fill_in_posted(ask, account_id, one, row.jobid)

    async def _fill_in_posted(self, ask: Ask, account_id: int, one: _Wanted, jobid: str) -> None:
        """Fills in an outcome that was posted in this channel under an account other than the one in force."""
        posted = await find_posted_here(self._database.reader, ask, jobid)
        if posted is not None and posted.row.account_id != account_id:
            one.status = EntryStatus.ALREADY_POSTED
            one.posted = _posted(posted.row, posted.subscription_id, posted.message)

    async def _look_up(self, ask: Ask, account_id: int, wanted: list[_Wanted]) -> AccountState | None:
        """Looks up the jobs whose state only the API can tell. If the token doesn't allow that, returns why; all jobs
        are watched anyway then."""
        asked_for = [one for one in wanted if one.status is None and not one.on_hold]
        unsure = {one.jobid: one for one in asked_for if one.jobid is not None and needs_lookup(one.row)}
        ended = sum(one.row is not None and not needs_lookup(one.row) for one in asked_for)
        if ended:
            self._lookups.prepay(ask, account_id, ended)
        if not unsure:
            return None
        try:
            found = await self._lookups.many(ask, account_id, unsure)
        except AccountInTrouble as trouble:
            return trouble.state
        for jobid, one in unsure.items():
            one.found = found[jobid]
            if one.row is None or was_given_up(one.row):
                await self._fill_in_unknown(ask, account_id, one, jobid)
            elif isinstance(one.found, JobNotFound | JobExpired):
                await self._lookups.record(one.row, one.found)
        return None

    async def _fill_in_unknown(self, ask: Ask, account_id: int, one: _Wanted, jobid: str) -> None:
        """Decides, by the API's response, about a job that is not stored for this account."""
        one.status = _why_unknown(one.found)
        if isinstance(one.found, JobNotFound | JobExpired | BadRequest):
            held = await find_on_hold_here(self._database.reader, ask, jobid, account_id)
            if held is not None:
                one.row, one.on_hold, one.status = held, True, None

    async def _write(
        self, ask: Ask, account_id: int, wanted: list[_Wanted], *, mention: bool, hold: AccountState | None
    ) -> int | None:
        """Subscribes the channel to all jobs; returns the summary's delivery, if any job belongs to the batch."""
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
                if one.status is None and one.jobid is not None:
                    await self._subscribe(tx, ask, one, self._request(one, one.jobid, account_id, batch_id, mention))
            results = [one.subscribed for one in wanted if one.subscribed is not None]
            for result in results:
                # Not earlier, because the last of them closes the batch if nothing in it is open.
                if result.state is SubscribeState.TO_POST:
                    await post_outcome(tx, result.row, result.subscription, ask.at)
            if hold is not None:
                await self._lookups.accounts.tell_trouble(tx, ask.guild_id, ask.at)
            jobids = [result.row.jobid for result in results if result.subscription.batch_id == batch_id]
            return await _add_summary(tx, ask, batch_id, jobids)

    def _request(self, one: _Wanted, jobid: str, account_id: int, batch_id: int, mention: bool) -> SubscribeRequest:
        job = one.found if isinstance(one.found, Job) else None
        account = one.row.account_id if one.on_hold and one.row is not None else account_id
        ran_until = self._lookups.ran_until(one.row)
        return SubscribeRequest(account, jobid, job, mention, batch_id=batch_id, ran_until=ran_until)

    async def _subscribe(self, tx: Transaction, ask: Ask, one: _Wanted, request: SubscribeRequest) -> None:
        if one.on_hold and one.row is not None and not await waits_here(tx, ask, one.row.id):
            one.status = EntryStatus.NOT_FOUND  # Somebody has stopped it meanwhile.
            return
        try:
            one.subscribed = await subscribe(tx, self._lookups.accounts, self._limits, ask, request)
        except PersonLimit:
            one.status = EntryStatus.PERSON_LIMIT
        except ServerLimit:
            one.status = EntryStatus.SERVER_LIMIT
        else:
            one.status = _STATUS[one.subscribed.state]

    async def _entry(self, one: _Wanted, account_id: int) -> WatchEntry:
        status = one.status or EntryStatus.NOT_A_JOB_ID
        subscribed = one.subscribed
        if subscribed is None:
            message_id = None if one.posted is None else one.posted.message_id
            return WatchEntry(one.text, status, message_id=message_id, service=one.service, posted=one.posted)
        if subscribed.message is not None:
            posted = _posted(subscribed.row, subscribed.subscription.id, subscribed.message)
            return WatchEntry(one.text, status, message_id=subscribed.message.message_id, posted=posted)
        message_id, on_hold = None, False
        if status is EntryStatus.ALREADY_WATCHED:
            message_id = await overviews.shown_in(self._database.reader, subscribed.subscription.id)
            on_hold = subscribed.row.account_id != account_id
        api_down = is_unanswered(one.found)
        return WatchEntry(one.text, status, message_id=message_id, api_down=api_down, on_hold=on_hold)


async def _add_summary(tx: Transaction, ask: Ask, batch_id: int, jobids: list[str]) -> int | None:
    """Adds the summary of a batch with these jobs, or removes the batch if there are none."""
    if not jobids:
        await batches.remove(tx, batch_id)
        return None
    return await deliveries.add_summary(
        tx,
        batch_id=batch_id,
        guild_id=ask.guild_id,
        channel_id=ask.channel_id,
        base_nonce=nonces.for_summary(jobids, ask.channel_id, ask.at),
        now=ask.at,
    )


def _posted(row: JobRow, subscription_id: int, message: OutcomeMessage) -> AlreadyPosted | None:
    return None if row.outcome is None else AlreadyPosted.of(subscription_id, row, row.outcome, message)


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
            wanted.status, wanted.service = EntryStatus.OTHER_KIND, word.refusal.service_name
        case OtherService():
            wanted.status, wanted.service = EntryStatus.OTHER_SERVICE, word.refusal.service_name
        case LooksLikeSecret():
            wanted.status = EntryStatus.SECRET
        case NotAJobId():
            wanted.status = EntryStatus.NOT_A_JOB_ID
    return wanted


def _why_unknown(found: LookupResult | None) -> EntryStatus | None:
    """Why a job that is not stored here is not watched; None if it is watched anyway."""
    match found:
        case JobNotFound():
            return EntryStatus.NOT_FOUND
        case JobExpired():
            return EntryStatus.EXPIRED
        case BadRequest():
            return EntryStatus.NOT_A_JOB_ID
        case TooFast():
            return EntryStatus.NOT_LOOKED_UP
        case _:
            return None
