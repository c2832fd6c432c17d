"""Jobs: one row for each (account, job id) that was ever watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.job import Outcome
from model.states import Origin
from storage.database import Queries, Transaction, columns, found
from storage.engines.interface import Row, SqlValue


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is stored; times in milliseconds UTC. The columns are explained in
    storage/migrations/0001_first_tables.sqlite.sql."""

    id: int
    account_id: int
    jobid: str
    snapshot: str | None
    watched_since: int
    changed_at: int
    missing_since: int | None
    round: int
    ended_at: int | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class OpenJob:
    """What the poller needs to know of a job that has not ended."""

    id: int
    account_id: int
    jobid: str
    snapshot: str | None
    watched_since: int
    missing_since: int | None
    guilds: frozenset[int]
    """The servers with an open subscription for it."""
    has_card: bool
    """Whether one of the open subscriptions has a card: it is in no batch, and not of a follow without cards."""
    is_shown: bool
    """Whether one of the open subscriptions has a card, or is in a batch, whose summary shows the job."""


_SELECT = f"SELECT {columns(JobRow)} FROM jobs"


async def by_id(queries: Queries, job_id: int) -> JobRow | None:
    """The job with this number."""
    return await queries.one_as(JobRow, f"{_SELECT} WHERE id = ?", (job_id,))


async def by_jobid(queries: Queries, account_id: int, jobid: str) -> JobRow | None:
    """The account's job with this id."""
    return await queries.one_as(JobRow, f"{_SELECT} WHERE account_id = ? AND jobid = ?", (account_id, jobid))


async def of_guild(queries: Queries, guild_id: int, job_id: int) -> JobRow | None:
    """The job with this number, if it was ever watched in this server."""
    where = "id = ? AND EXISTS (SELECT 1 FROM subscriptions WHERE job_id = jobs.id AND guild_id = ?)"
    return await queries.one_as(JobRow, f"{_SELECT} WHERE {where}", (job_id, guild_id))


async def by_number(queries: Queries, job_id: int, *, guild_id: int, channel_id: int, user_id: int) -> JobRow | None:
    """The job that this person means by a number in this channel: one that the channel waits or waited for, or that
    the person asked for in this server.

    A message may show the number of a row that only another server uses by now. Then the number means a row with the
    same job id that this channel or person asked for; this channel's row comes first.
    """
    return await queries.one_as(
        JobRow,
        f"""
        SELECT {columns(JobRow, "j")}
        FROM jobs named JOIN jobs j ON j.jobid = named.jobid JOIN subscriptions s ON s.job_id = j.id
        WHERE named.id = ?1 AND s.guild_id = ?2 AND (s.channel_id = ?3
          OR EXISTS (SELECT 1 FROM subscribers WHERE subscription_id = s.id AND user_id = ?4))
        ORDER BY j.id = ?1 DESC, s.channel_id = ?3 DESC, s.ended_at IS NOT NULL, s.id DESC LIMIT 1
        """,
        (job_id, guild_id, channel_id, user_id),
    )


async def add(tx: Transaction, account_id: int, jobid: str, snapshot: str | None, now: int) -> JobRow:
    """Adds the account's job with this id, unless it is there already; returns its row."""
    await tx.run(
        """
        INSERT INTO jobs (account_id, jobid, snapshot, watched_since, changed_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (account_id, jobid) DO NOTHING
        """,
        (account_id, jobid, snapshot, now, now),
    )
    return found(await by_jobid(tx, account_id, jobid))


async def change(tx: Transaction, job_id: int, snapshot: str, now: int) -> None:
    """Stores what is new in a response."""
    await tx.run(
        "UPDATE jobs SET snapshot = ?, changed_at = ?, missing_since = NULL WHERE id = ?", (snapshot, now, job_id)
    )


async def set_missing(tx: Transaction, job_id: int, since: int | None) -> None:
    """Stores when the API first said that it does not know the job; None: it knows it."""
    await tx.run("UPDATE jobs SET missing_since = ? WHERE id = ?", (since, job_id))


async def end(tx: Transaction, job_id: int, outcome: Outcome, now: int) -> None:
    """Ends a job that has not ended."""
    await tx.run("UPDATE jobs SET ended_at = ?, outcome = ? WHERE id = ? AND ended_at IS NULL", (now, outcome, job_id))


async def reopen(tx: Transaction, job_id: int, now: int) -> JobRow:
    """Opens an ended job again, in a new round and watched from now on."""
    await tx.run(
        """
        UPDATE jobs SET round = round + 1, watched_since = ?, ended_at = NULL, outcome = NULL, missing_since = NULL
        WHERE id = ? AND ended_at IS NOT NULL
        """,
        (now, job_id),
    )
    return found(await by_id(tx, job_id))


async def restart_age(tx: Transaction, job_id: int, now: int) -> None:
    """Counts an open job's age from now on, because somebody waits for it again after nobody did. An earlier "not
    found" no longer counts, because the job was not requested meanwhile."""
    await tx.run(
        "UPDATE jobs SET watched_since = ?, missing_since = NULL WHERE id = ? AND ended_at IS NULL", (now, job_id)
    )


async def count_open(queries: Queries) -> int:
    """How many jobs have not ended."""
    return await queries.count("jobs WHERE ended_at IS NULL")


async def open_since_before(queries: Queries, before: int) -> list[int]:
    """The jobs, ended or not, that have been watched since before this time (milliseconds UTC) and still are."""
    return await queries.values(
        """
        SELECT id FROM jobs j WHERE watched_since <= ?
        AND EXISTS (SELECT 1 FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) ORDER BY id
        """,
        (before,),
    )


async def open_page(queries: Queries, after: int, size: int, account_id: int | None = None) -> list[OpenJob]:
    """The next `size` jobs after the number `after` that have not ended and for which somebody waits, by number; only
    those of one account if it is named."""
    if account_id is None:
        return await _open_jobs(queries, "j.id > ?", (after,), size)
    return await _open_jobs(queries, "j.id > ? AND j.account_id = ?", (after, account_id), size)


async def open_among(queries: Queries, job_ids: Sequence[int]) -> list[OpenJob]:
    """Those of `job_ids` that have not ended and for which somebody waits."""
    return await _open_jobs(queries, queries.dialect.among("j.id"), (queries.dialect.list_of(job_ids),), len(job_ids))


async def _open_jobs(queries: Queries, which: str, parameters: Sequence[SqlValue], limit: int) -> list[OpenJob]:
    # Not EXISTS: PostgreSQL would join, and for each page read everything before it.
    rows = await queries.all(
        f"""
        SELECT j.id, j.account_id, j.jobid, j.snapshot, j.watched_since, j.missing_since,
          (SELECT {queries.dialect.joined("guild_id")}
            FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) AS guilds,
          (SELECT max(CASE WHEN origin = '{Origin.FOLLOWED}' THEN 0 WHEN batch_id IS NULL THEN 2 ELSE 1 END)
            FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) AS shown
        FROM jobs j WHERE j.ended_at IS NULL AND {which}
        AND (SELECT 1 FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL LIMIT 1) = 1
        ORDER BY j.id LIMIT ?
        """,
        (*parameters, limit),
    )
    return [_open_job(row) for row in rows]


def _open_job(row: Row) -> OpenJob:
    known = dict(row)
    guilds, shown = known.pop("guilds"), known.pop("shown")
    return OpenJob(**known, guilds=frozenset(map(int, guilds.split(","))), has_card=shown == 2, is_shown=shown > 0)
