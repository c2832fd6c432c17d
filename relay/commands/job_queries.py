"""Lists and describes the jobs of a channel or person from the database alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from model import snapshots
from model.job import Job, Outcome
from model.states import AccountState
from pixverse.token_text import looks_like_secret
from relay.commands.ask import Ask
from relay.commands.refusals import NothingToDo
from relay.polling.job_fetcher import Accounts
from storage import delivery_queries, jobs, overviews
from storage.database import Queries
from storage.overviews import KnownJob

_CHOICES = 25
_CHOSEN_FROM = 200
"""Of as many jobs choices are made where something is typed."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An open subscription of this channel."""

    number: int
    job: Job | None
    message_id: int | None
    """Of the card, or of the summary of its batch."""
    mine: bool
    on_hold: bool
    """The job belongs to another account than the one in force here."""
    hold: AccountState | None = None
    """What is wrong with the token of the job's account, if anything is."""


@dataclass(frozen=True, slots=True)
class JobDetails:
    """Everything that is known of an ended job."""

    number: int
    jobid: str
    job: Job | None
    outcome: Outcome
    watched_since: int
    """Milliseconds UTC."""
    ended_at: int
    """When the bot saw the end, milliseconds UTC."""


class JobQueries:
    """Raises StorageError as the database does."""

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
        """At most 25 jobs of the asker's and of this channel's whose prompt or number fits, newest first."""
        if looks_like_secret(typed):
            return ()
        limit = _chosen_from(typed)
        return _fitting(
            await overviews.known_jobs(self._reader, ask.guild_id, ask.channel_id, ask.user_id, limit), typed
        )

    async def watched_choices(self, ask: Ask, typed: str) -> tuple[KnownJob, ...]:
        """At most 25 jobs that this channel waits for whose prompt or number fits, newest first."""
        if looks_like_secret(typed):
            return ()
        limit = _chosen_from(typed)
        return _fitting(await overviews.watched_jobs(self._reader, ask.guild_id, ask.channel_id, limit), typed)

    async def details(self, ask: Ask, base_nonce: str) -> JobDetails:
        """Everything known of the job whose outcome in this channel carries the nonce."""
        address = await delivery_queries.outcome_address(self._reader, base_nonce)
        if address is None or (address.guild_id, address.channel_id) != (ask.guild_id, ask.channel_id):
            raise NothingToDo
        row = await jobs.by_id(self._reader, address.job_id)
        if row is None:
            raise NothingToDo
        # A job that was given up may have been taken up again since: it then has no end of its own.
        outcome, ended_at = row.outcome or Outcome.GIVEN_UP, row.ended_at or row.changed_at
        return JobDetails(row.id, row.jobid, snapshots.load(row.snapshot), outcome, row.watched_since, ended_at)


def _chosen_from(typed: str) -> int:
    return _CHOSEN_FROM if typed.strip() else _CHOICES


def _fitting(rows: list[KnownJob], typed: str) -> tuple[KnownJob, ...]:
    """The first 25 rows that fit. Of a snapshot only the prompt is read, since each letter that is typed calls this."""
    sought = typed.strip().casefold()

    def fits(row: KnownJob) -> bool:
        return f"#{row.job_id}".startswith(sought) or sought in snapshots.prompt_of(row.snapshot).casefold()

    return tuple(islice(filter(fits, rows), _CHOICES))
