"""Which job a text names."""

from __future__ import annotations

from dataclasses import dataclass

from pixverse.pasted import read_one
from relay.commands.refusals import NumberUnknown
from relay.commands.results import Ask
from storage import jobs
from storage.database import Queries
from storage.jobs import JobRow


@dataclass(frozen=True, slots=True)
class Target:
    """A job that somebody means."""

    account_id: int
    jobid: str
    row: JobRow | None
    """None where nobody has asked for it with this account yet."""
    other_account: bool = False
    """It was watched here with another account than the one in force."""


def parse(text: str) -> int | str:
    """A job's number or id. Raises classes of `pixverse.jobids`."""
    return read_one(text)


async def find(queries: Queries, ask: Ask, job: int | str, account_id: int) -> Target:
    """The job, by its id of this account or by its number. Raises NumberUnknown."""
    if isinstance(job, str):
        return Target(account_id, job, await jobs.by_jobid(queries, account_id, job))
    return of_row(await by_number(queries, ask, job), account_id)


async def by_number(queries: Queries, ask: Ask, number: int) -> JobRow:
    """The job that the asker means by its number: this channel's, or one that they asked for themselves.

    Raises NumberUnknown, for somebody else's job as for none: numbers are counted up, so a list of them would show
    what other channels wait for.
    """
    row = await jobs.by_number(queries, number, guild_id=ask.guild_id, channel_id=ask.channel_id, user_id=ask.user_id)
    if row is None:
        raise NumberUnknown
    return row


def of_row(row: JobRow, account_id: int) -> Target:
    """A job that is known, where this account is in force."""
    return Target(row.account_id, row.jobid, row, other_account=row.account_id != account_id)
