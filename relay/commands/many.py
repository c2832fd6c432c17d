"""A list of jobs, watched as one batch."""

from __future__ import annotations

from dataclasses import dataclass, field

from model.job import Job
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherKind, OtherService
from pixverse.pasted import Pasted, read_many
from relay.commands.limits import Limits
from relay.commands.lookups import HeldBack, Lookups, Said, Silence, needs_asking, was_given_up
from relay.commands.promptly import Promptly, Standing
from relay.commands.refusals import (
    NumberUnknown,
    PersonLimit,
    ServerLimit,
    SubscriptionUnpaid,
    TokenMissing,
    TokenRefused,
    TokenReplaced,
    TooManyJobs,
)
from relay.commands.results import Ask, Hold, Taken, WatchEntry, WatchResult
from relay.commands.seats import Seat, Seated, Wish, take
from relay.commands.targets import by_number
from relay.delivery import nonces
from relay.polling.answers import Answers, post_outcome
from relay.polling.questions import Accounts
from relay.ports import Cards, JobWatch, PromptOutbox
from storage import batches, deliveries, jobs, overviews
from storage.database import Database, Transaction
from storage.jobs import JobRow

AT_MOST = 25
"""Ids that one command takes."""

_TAKEN = {
    Seat.WATCHED: Taken.WATCHED,
    Seat.ALREADY_WATCHED: Taken.ALREADY_WATCHED,
    Seat.TO_POST: Taken.POSTING,
    Seat.ALREADY_POSTED: Taken.ALREADY_POSTED,
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
    seated: Seated | None = None


@dataclass(slots=True)
class _Written:
    """What the transaction did."""

    summary_id: int | None = None
    touched: list[int] = field(default_factory=list)


class Many:
    """Takes lists of ids."""

    def __init__(
        self,
        database: Database,
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
        self._lookups = lookups
        self._answers = answers
        self._accounts = accounts
        self._outbox = outbox
        self._promptly = Promptly(database, outbox)
        self._cards = cards
        self._poller = poller
        self._limits = limits

    def words(self, text: str) -> list[Pasted]:
        """The jobs that a text names. Raises LooksLikeSecret where it holds a token and no job, NotAJobId where there
        is nothing, TooManyJobs."""
        words = read_many(text)
        if not words:
            raise NotAJobId("no job id")
        if all(isinstance(word.refusal, LooksLikeSecret) for word in words):
            raise LooksLikeSecret("that looks like a token")
        if len(words) > AT_MOST:
            raise TooManyJobs(len(words), AT_MOST)
        return words

    async def watch(self, ask: Ask, account_id: int, words: list[Pasted], *, mention: bool) -> WatchResult:
        """Subscribes the channel to each that can be; the ended ones are posted and count to the batch.

        Raises NoToken.
        """
        wanted = [self._parsed(word) for word in words]
        wanted = await self._known(ask, account_id, wanted)
        hold = await self._look_up(ask, account_id, wanted)
        written = await self._write(ask, account_id, wanted, mention=mention)
        for job_id in written.touched:
            self._poller.job_changed(job_id)
            self._cards.job_changed(job_id)
        self._outbox.wake()
        summary = Standing() if written.summary_id is None else await self._promptly.post(written.summary_id)
        entries = tuple([await self._entry(one) for one in wanted])
        return WatchResult(entries, summary.message_id, mention, hold, summary.refused, summary.on_its_way)

    def _parsed(self, word: Pasted) -> _Wanted:
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

    async def _look_up(self, ask: Ask, account_id: int, wanted: list[_Wanted]) -> Hold | None:
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
        except TokenRefused:
            return Hold.REFUSED
        except SubscriptionUnpaid:
            return Hold.UNPAID
        except TokenMissing:
            return Hold.MISSING
        for one in asked:
            one.said = said[one.jobid or ""]
            if one.row is None or was_given_up(one.row):
                one.taken = _not_taken(one.said)
            elif one.said is Silence.NOT_FOUND:
                await self._answers.record_missing(one.row.id, account_id)
            elif one.said is Silence.EXPIRED:
                await self._answers.record_expired(one.row.id, account_id)
        return None

    async def _write(self, ask: Ask, account_id: int, wanted: list[_Wanted], *, mention: bool) -> _Written:
        written = _Written()
        async with self._database.transaction() as tx:
            if self._accounts.in_force(ask.guild_id) != account_id:
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
                    wish = Wish(account_id, one.jobid, answer, mention, batch_id=batch_id)
                    await self._take(tx, ask, one, wish)
            seated = [one.seated for one in wanted if one.seated is not None]
            for seat in seated:
                # Only now: the last of them closes the batch if nothing in it is open.
                if seat.seat is Seat.TO_POST:
                    await post_outcome(tx, seat.row, seat.subscription, ask.at)
            written.touched = [seat.row.id for seat in seated]
            jobids = [seat.row.jobid for seat in seated if seat.subscription.batch_id == batch_id]
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

    async def _take(self, tx: Transaction, ask: Ask, one: _Wanted, wish: Wish) -> None:
        try:
            one.seated = await take(tx, self._accounts, self._limits, ask, wish)
        except PersonLimit:
            one.taken = Taken.PERSON_LIMIT
        except ServerLimit:
            one.taken = Taken.SERVER_LIMIT
        else:
            one.taken = _TAKEN[one.seated.seat]

    async def _entry(self, one: _Wanted) -> WatchEntry:
        taken = one.taken or Taken.NOT_A_JOB_ID
        seated = one.seated
        if seated is None:
            return WatchEntry(one.text, taken, service=one.service)
        message_id = seated.message.message_id if seated.message is not None else None
        if taken is Taken.ALREADY_WATCHED:
            message_id = await overviews.shown_in(self._database.reader, seated.subscription.id)
        return WatchEntry(one.text, taken, message_id=message_id, api_down=one.said is Silence.NO_ANSWER)


def _not_taken(said: Said) -> Taken | None:
    if said is Silence.NOT_FOUND:
        return Taken.NOT_FOUND
    if said is Silence.EXPIRED:
        return Taken.EXPIRED
    if isinstance(said, HeldBack):
        return Taken.NOT_LOOKED_UP
    return Taken.NOT_A_JOB_ID if said is Silence.BAD_QUESTION else None
