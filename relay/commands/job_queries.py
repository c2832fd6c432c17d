"""What the database knows of a channel's and a person's jobs."""

from __future__ import annotations

from itertools import islice

from model import snapshots
from model.job import Outcome
from model.states import AccountState, DeliveryState
from pixverse.token_text import looks_like_secret
from relay.commands.refusals import NothingToDo
from relay.commands.results import Ask, Choice, JobDetails, Listed, Listing, OutcomeState
from relay.polling.job_fetcher import Accounts
from storage import delivery_queries, jobs, overviews
from storage.database import Queries
from storage.overviews import KnownJob

OUTCOME_STATES = {
    DeliveryState.WAITING: OutcomeState.WAITING,
    DeliveryState.SENDING: OutcomeState.WAITING,
    DeliveryState.POSTED: OutcomeState.POSTED,
    DeliveryState.UNSURE: OutcomeState.UNSURE,
}
"""By the delivery's state in the outbox."""

_CHOICES = 25
_CHOSEN_FROM = 200


class JobQueries:
    """Asks the database alone. Raises StorageError as it does."""

    def __init__(self, reader: Queries, accounts: Accounts) -> None:
        self._reader = reader
        self._accounts = accounts

    async def list(self, ask: Ask) -> Listing:
        """This channel's open subscriptions."""
        rows = await overviews.open_here(self._reader, ask.guild_id, ask.channel_id, ask.user_id)
        in_force = self._accounts.in_force(ask.guild_id)
        return Listing(
            tuple(
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
        )

    def _trouble_of(self, account_id: int) -> AccountState | None:
        state = self._accounts.state_of(account_id)
        return None if state is AccountState.OK else state

    async def choices(self, ask: Ask, typed: str) -> tuple[Choice, ...]:
        """At most 25 jobs of the asker's and of this channel's whose prompt or number fits, newest first."""
        if looks_like_secret(typed):
            return ()
        limit = _chosen_from(typed)
        return _fitting(
            await overviews.known_jobs(self._reader, ask.guild_id, ask.channel_id, ask.user_id, limit), typed
        )

    async def watched_choices(self, ask: Ask, typed: str) -> tuple[Choice, ...]:
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


def _fitting(rows: list[KnownJob], typed: str) -> tuple[Choice, ...]:
    """Reads no more than the prompt of a job that is not offered: people type, and each letter asks anew."""
    sought = typed.strip().casefold()

    def fits(row: KnownJob) -> bool:
        return f"#{row.job_id}".startswith(sought) or sought in snapshots.prompt_of(row.snapshot).casefold()

    return tuple([_choice(row) for row in islice(filter(fits, rows), _CHOICES)])


def _choice(row: KnownJob) -> Choice:
    job = snapshots.load(row.snapshot)
    since = job.created if job is not None and job.created is not None else row.watched_since
    return Choice(row.job_id, job, row.outcome, since)
