"""Which job a text names."""

from __future__ import annotations

from dataclasses import dataclass

from pixverse.jobids import parse_jobid, short_number
from relay.commands.refusals import NumberUnknown
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
    number = short_number(text)
    return parse_jobid(text) if number is None else number


async def find(queries: Queries, guild_id: int, job: int | str, account_id: int) -> Target:
    """The job, by its id of this account or by its number in this server. Raises NumberUnknown."""
    if isinstance(job, str):
        return Target(account_id, job, await jobs.by_jobid(queries, account_id, job))
    row = await jobs.of_guild(queries, guild_id, job)
    if row is None:
        raise NumberUnknown
    return of_row(row, account_id)


def of_row(row: JobRow, account_id: int) -> Target:
    """A job that is known, where this account is in force."""
    return Target(row.account_id, row.jobid, row, other_account=row.account_id != account_id)
