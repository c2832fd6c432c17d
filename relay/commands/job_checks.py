"""Shows the state of a job: `/pixverse status` with `private`, and *Check now*."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from model import snapshots
from model.job import Job, Outcome, outcome_of_state
from pixverse.api_errors import BadRequest, JobExpired, JobNotFound, PixVerseError
from pixverse.pasted import read_one
from relay import merge
from relay.commands.ask import Ask, account_of, find_on_hold_here, find_target, require_here, waits_here
from relay.commands.lookups import Lookups, needs_lookup, require_known
from relay.commands.refusals import ApiDown, Expired, IdRefused, NotFound, NothingToDo
from relay.commands.watch import AlreadyPosted
from relay.polling.job_recorder import Recorded
from storage import delivery_queries, jobs, subscriptions
from storage.database import Queries
from storage.jobs import JobRow


@dataclass(frozen=True, slots=True)
class Peek:
    """The state of a job, for the asker only; nothing is posted or subscribed."""

    jobid: str
    job: Job | None
    """As the API last described it; None if it has not yet."""
    outcome: Outcome | None
    api_down: bool
    """Whether the API did not respond, so that this is the last state that is known."""
    on_hold: bool = False
    """Whether the job belongs to an account other than the one in force here, so that this is the last state that is
    known."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The API responded just now."""

    job: Job | None
    outcome: Outcome | None
    news: bool


@dataclass(frozen=True, slots=True)
class CheckedBefore:
    """The job was not looked up again, because the API responded about it a moment ago."""

    job: Job | None


class Unchecked(StrEnum):
    """Why `Check now` found nothing new."""

    NO_RESPONSE = "no response"
    HAS_TO_WAIT = "has to wait"
    """The API has told the account to send fewer requests."""
    OTHER_ACCOUNT = "other account"
    """The job belongs to an account other than the one in force here."""
    NOT_KNOWN = "not known"
    """The API does not know the job now. That is believed only after a second response."""
    ID_REFUSED = "id refused"
    """The API does not accept the text as a job id."""


@dataclass(frozen=True, slots=True)
class NotChecked:
    """Nothing new is known about the job. It is still watched."""

    job: Job | None
    why: Unchecked


CheckResult = Checked | CheckedBefore | NotChecked | AlreadyPosted
"""AlreadyPosted if the job has ended meanwhile."""


class JobChecks:
    """Shows the state of jobs, and nothing of other servers.

    Raises the exceptions of `relay.commands.refusals`, those of `pixverse.jobids` if a text is read, and StorageError.
    """

    def __init__(self, reader: Queries, lookups: Lookups) -> None:
        self._reader = reader
        self._lookups = lookups

    async def peek(self, ask: Ask, text: str, *, look_again: bool = False) -> Peek:
        """Looks a job up without posting or subscribing anything. With `look_again`, the API is asked even if it has
        responded a moment ago."""
        job = read_one(text)
        account_id = account_of(self._lookups.accounts, ask.guild_id)
        target = await find_target(self._reader, ask, job, account_id)
        row = target.row
        if row is not None and target.other_account:
            return await self._of_other_account(ask, row)
        if row is not None and not needs_lookup(row):
            return _stored(row)
        found = await self._lookups.one(ask, target.account_id, target.jobid, look_again=look_again)
        try:
            require_known(found)
        except (NotFound, Expired, IdRefused):
            held = await find_on_hold_here(self._reader, ask, target.jobid, account_id)
            if held is None:
                raise
            return await self._of_other_account(ask, held)
        if isinstance(found, Job):
            if row is None:
                return Peek(target.jobid, found, outcome_of_state(found.state), api_down=False)
            await self._lookups.record(row, found)
            merged = merge.onward(snapshots.load(row.snapshot), found)
            return Peek(row.jobid, merged, outcome_of_state(merged.state), api_down=False)
        if row is None or await jobs.of_guild(self._reader, ask.guild_id, row.id) is None:
            raise ApiDown
        return replace(_stored(row), api_down=True)

    async def _of_other_account(self, ask: Ask, row: JobRow) -> Peek:
        """The state of a job whose account the server no longer uses.

        If the job has ended for other servers only, a channel in which it is on hold is shown the state before its end.
        In any other channel, this raises NotFound.
        """
        stored = _stored(row)
        if row.ended_at is None:
            return replace(stored, on_hold=True)
        if await delivery_queries.is_told_in_server(self._reader, ask.guild_id, row.id):
            return stored
        if not await waits_here(self._reader, ask, row.id):
            raise NotFound
        job = None if stored.job is None else merge.without_end(stored.job)
        return replace(stored, job=job, outcome=None, on_hold=True)

    async def check_now(self, ask: Ask, subscription_id: int) -> CheckResult:
        """Looks up the job of a subscription, unless the API responded about it within the last five seconds."""
        here = require_here(ask, await subscriptions.by_id(self._reader, subscription_id))
        row = await jobs.by_id(self._reader, here.job_id)
        if row is None:
            raise NothingToDo
        if here.ended_at is None and account_of(self._lookups.accounts, ask.guild_id) != row.account_id:
            job = None if row.ended_at is not None else snapshots.load(row.snapshot)
            return NotChecked(job, Unchecked.OTHER_ACCOUNT)
        if row.ended_at is not None and here.stopped_by is None:
            return await self._ended(row, here.id)
        if here.ended_at is not None:
            raise NothingToDo
        return await self._check(ask, row)

    async def _check(self, ask: Ask, row: JobRow) -> CheckResult:
        was_fresh = self._lookups.is_fresh(row.account_id, row.jobid)
        found = await self._lookups.one(ask, row.account_id, row.jobid)
        recorded = await self._lookups.record(row, found)
        row = await jobs.by_id(self._reader, row.id) or row
        job = snapshots.load(row.snapshot)
        if row.ended_at is None and isinstance(found, PixVerseError):
            return NotChecked(job, self._why(found, row.account_id))
        if was_fresh and recorded is Recorded.NOTHING:
            return CheckedBefore(job)
        return Checked(job, row.outcome, news=recorded is not Recorded.NOTHING)

    def _why(self, error: PixVerseError, account_id: int) -> Unchecked:
        match error:
            case JobNotFound() | JobExpired():
                return Unchecked.NOT_KNOWN
            case BadRequest():
                return Unchecked.ID_REFUSED
            case _:
                return Unchecked.HAS_TO_WAIT if self._lookups.must_wait(account_id) else Unchecked.NO_RESPONSE

    async def _ended(self, row: JobRow, subscription_id: int) -> AlreadyPosted:
        message = await delivery_queries.outcome_message(self._reader, subscription_id, row.round)
        if row.outcome is None or message is None:
            raise NothingToDo
        return AlreadyPosted.of(subscription_id, row, row.outcome, message)


def _stored(row: JobRow) -> Peek:
    return Peek(row.jobid, snapshots.load(row.snapshot), row.outcome, api_down=False)
