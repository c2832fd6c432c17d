"""Lists and describes the jobs of a channel or person, using only the database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from model import snapshots
from model.job import Job, Outcome
from model.states import AccountState
from pixverse.token_text import looks_like_secret
from relay import merge
from relay.commands.ask import Ask
from relay.commands.refusals import NothingToDo
from relay.polling.job_fetcher import Accounts
from storage import delivery_queries, jobs, overviews
from storage.database import Queries
from storage.overviews import KnownJob

CHOICES = 25
"""How many jobs autocomplete offers; Discord shows no more."""
_CHOSEN_FROM = 200
"""How many jobs are searched for what a person types."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An open subscription of this channel."""

    number: int
    job: Job | None
    message_id: int | None
    """The id of the card, or of the summary of the job's batch."""
    mine: bool
    on_hold: bool
    """Whether the job belongs to an account other than the one in force here."""
    hold: AccountState | None = None
    """What is wrong with the token of the job's account, if anything."""


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Everything that is known about an ended job."""

    number: int
    jobid: str
    job: Job | None
    outcome: Outcome
    watched_since: int
    """Since when this channel has waited for it, in milliseconds UTC."""
    ended_at: int | None
    """When the bot saw the end, in milliseconds UTC; None if it gave the job up."""


class JobQueries:
    """Answers queries about jobs. All methods raise StorageError if the database fails."""

    def __init__(self, reader: Queries, accounts: Accounts) -> None:
        self._reader = reader
        self._accounts = accounts

    async def list(self, ask: Ask) -> tuple[Listed, ...]:
        """This channel's open subscriptions, oldest first."""
        rows = await overviews.open_here(self._reader, ask.guild_id, ask.channel_id, ask.user_id)
        in_force = self._accounts.in_force(ask.guild_id)
        return tuple(
            Listed(
                number=row.job_id,
                job=snapshots.load(row.snapshot),
                message_id=row.message_id,
                mine=row.mine,
                on_hold=row.account_id != in_force,
                hold=self._trouble_of(row.account_id),
            )
            for row in rows
        )

    def _trouble_of(self, account_id: int) -> AccountState | None:
        state = self._accounts.state_of(account_id)
        return None if state is AccountState.OK else state

    async def choices(self, ask: Ask, typed: str) -> tuple[KnownJob, ...]:
        """Up to 25 jobs of the asker and of this channel whose prompt or number matches, newest first."""
        find = partial(overviews.known_jobs, self._reader, ask.guild_id, ask.channel_id, ask.user_id)
        return await self._offered(ask, typed, find)

    async def watched_choices(self, ask: Ask, typed: str) -> tuple[KnownJob, ...]:
        """Up to 25 jobs that this channel waits for and whose prompt or number matches, newest first."""
        find = partial(overviews.watched_jobs, self._reader, ask.guild_id, ask.channel_id)
        return await self._offered(ask, typed, find)

    async def _offered(
        self, ask: Ask, typed: str, find: Callable[[int], Awaitable[Sequence[KnownJob]]]
    ) -> tuple[KnownJob, ...]:
        if looks_like_secret(typed):
            return ()
        found = await find(_CHOSEN_FROM if typed.strip() else CHOICES)
        return tuple([await self._as_told(ask, row) for row in _fitting(found, typed)])

    async def _as_told(self, ask: Ask, row: KnownJob) -> KnownJob:
        """The job without its end, if it belongs to an account that is no longer in force and has ended only for other
        servers."""
        if row.account_id == self._accounts.in_force(ask.guild_id):
            return row
        job = snapshots.load(row.snapshot)
        if job is None or not job.state.ends:
            return row
        if await delivery_queries.is_told_in_server(self._reader, ask.guild_id, row.job_id):
            return row
        return replace(row, snapshot=snapshots.dump(merge.without_end(job)), outcome=None)

    async def details(self, ask: Ask, base_nonce: str) -> JobDetails:
        """Everything known about the job whose outcome in this channel carries the nonce. Raises NothingToDo."""
        address = await delivery_queries.outcome_address(self._reader, base_nonce)
        if address is None or (address.guild_id, address.channel_id) != (ask.guild_id, ask.channel_id):
            raise NothingToDo
        row = await jobs.by_id(self._reader, address.job_id)
        if row is None:
            raise NothingToDo
        # A job that was given up may be watched again by now; its row then has no end.
        outcome = row.outcome or Outcome.GIVEN_UP
        ended_at = None if outcome is Outcome.GIVEN_UP else row.ended_at
        return JobDetails(row.id, row.jobid, snapshots.load(row.snapshot), outcome, address.watched_since, ended_at)


def _fitting(rows: Sequence[KnownJob], typed: str) -> tuple[KnownJob, ...]:
    """The first 25 matching rows. Reads only the prompt of each snapshot, because this runs for every typed letter."""
    sought = typed.strip().casefold()

    def fits(row: KnownJob) -> bool:
        return f"#{row.job_id}".startswith(sought) or sought in snapshots.prompt_of(row.snapshot).casefold()

    return tuple(islice(filter(fits, rows), CHOICES))
