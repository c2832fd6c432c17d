"""Jobs: one row for each (account, job id) that was ever asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.database import Queries, SqlValue, Transaction

_COLUMNS = "id, account_id, jobid, snapshot, watched_since, changed_at, missing_since, round, ended_at, outcome"


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is kept; times in milliseconds UTC."""

    id: int
    account_id: int
    jobid: str
    snapshot: str | None
    watched_since: int
    changed_at: int
    missing_since: int | None
    round: int
    ended_at: int | None
    outcome: str | None


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
    """Whether one of these subscriptions shows a card: it is neither of a batch nor followed without."""
    is_shown: bool
    """Whether one of these subscriptions shows a card, or is in a batch, whose summary shows it."""


async def by_id(queries: Queries, job_id: int) -> JobRow | None:
    """The job with this number."""
    row = await queries.one(f"SELECT {_COLUMNS} FROM jobs WHERE id = ?", (job_id,))
    return _job(row)


async def by_jobid(queries: Queries, account_id: int, jobid: str) -> JobRow | None:
    """The account's job with this id."""
    row = await queries.one(
        f"SELECT {_COLUMNS} FROM jobs WHERE account_id = ? AND jobid = ?",
        (account_id, jobid),
    )
    return _job(row)


async def of_guild(queries: Queries, guild_id: int, job_id: int) -> JobRow | None:
    """The job with this number, if it was ever asked for in this server."""
    row = await queries.one(
        f"SELECT {_COLUMNS} FROM jobs WHERE id = ?"
        " AND EXISTS (SELECT 1 FROM subscriptions WHERE job_id = jobs.id AND guild_id = ?)",
        (job_id, guild_id),
    )
    return _job(row)


async def by_number(queries: Queries, job_id: int, *, guild_id: int, channel_id: int, user_id: int) -> JobRow | None:
    """The job that this person means by a number in this channel: one that the channel waits or waited for, or that
    the person asked for in this server.

    A message may show the number of a job's row that is another server's by now. It then means the row with the same
    id for which the same holds; this channel's comes first.
    """
    row = await queries.one(
        f"SELECT {', '.join(f'j.{column}' for column in _COLUMNS.split(', '))}"
        " FROM jobs named JOIN jobs j ON j.jobid = named.jobid JOIN subscriptions s ON s.job_id = j.id"
        " WHERE named.id = ?1 AND s.guild_id = ?2 AND (s.channel_id = ?3"
        "  OR EXISTS (SELECT 1 FROM subscribers WHERE subscription_id = s.id AND user_id = ?4))"
        " ORDER BY j.id = ?1 DESC, s.channel_id = ?3 DESC, s.ended_at IS NOT NULL, s.id DESC LIMIT 1",
        (job_id, guild_id, channel_id, user_id),
    )
    return _job(row)


async def add(tx: Transaction, account_id: int, jobid: str, snapshot: str | None, now: int) -> JobRow:
    """The account's job with this id: a new row, or the one that is there, unchanged."""
    await tx.run(
        "INSERT INTO jobs (account_id, jobid, snapshot, watched_since, changed_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (account_id, jobid) DO NOTHING",
        (account_id, jobid, snapshot, now, now),
    )
    row = await by_jobid(tx, account_id, jobid)
    if row is None:
        raise LookupError("a job that was just added is not there")
    return row


async def change(tx: Transaction, job_id: int, snapshot: str, now: int) -> None:
    """An answer brought something new."""
    await tx.run(
        "UPDATE jobs SET snapshot = ?, changed_at = ?, missing_since = NULL WHERE id = ?",
        (snapshot, now, job_id),
    )


async def set_missing(tx: Transaction, job_id: int, since: int | None) -> None:
    """Keeps when the API first said that it does not know the job, or forgets it."""
    await tx.run("UPDATE jobs SET missing_since = ? WHERE id = ?", (since, job_id))


async def end(tx: Transaction, job_id: int, outcome: str, now: int) -> None:
    """Ends a job that has not ended."""
    await tx.run(
        "UPDATE jobs SET ended_at = ?, outcome = ?, missing_since = NULL WHERE id = ? AND ended_at IS NULL",
        (now, outcome, job_id),
    )


async def reopen(tx: Transaction, job_id: int, now: int) -> JobRow:
    """Takes up an ended job in a new round, watched from now on."""
    await tx.run(
        "UPDATE jobs SET round = round + 1, watched_since = ?, ended_at = NULL, outcome = NULL, missing_since = NULL"
        " WHERE id = ? AND ended_at IS NOT NULL",
        (now, job_id),
    )
    row = await by_id(tx, job_id)
    if row is None:
        raise LookupError(f"no job #{job_id}")
    return row


async def come_after_given_up(tx: Transaction, job_id: int) -> JobRow:
    """Puts the job into a round of its own where the same id was given up under another account, so that its end is
    another message than that one."""
    await tx.run(
        "UPDATE jobs SET round = max(round, (SELECT coalesce(max(other.round) + 1, 0) FROM jobs AS other"
        " WHERE other.jobid = jobs.jobid AND other.id <> jobs.id AND other.outcome = 'given up')) WHERE id = ?",
        (job_id,),
    )
    row = await by_id(tx, job_id)
    if row is None:
        raise LookupError(f"no job #{job_id}")
    return row


async def rewatch(tx: Transaction, job_id: int, now: int) -> None:
    """Counts an open job's age from now: nobody waited for it any more, and somebody does again."""
    await tx.run(
        "UPDATE jobs SET watched_since = ? WHERE id = ? AND ended_at IS NULL",
        (now, job_id),
    )


async def count_open(queries: Queries) -> int:
    """How many jobs have not ended."""
    row = await queries.one("SELECT count(*) AS n FROM jobs WHERE ended_at IS NULL")
    return 0 if row is None else int(row["n"])


async def open_since_before(queries: Queries, before: int) -> list[int]:
    """The jobs, ended or not, that were first asked for before this time (milliseconds UTC) and are waited for yet."""
    rows = await queries.all(
        "SELECT id FROM jobs j WHERE watched_since <= ?"
        " AND EXISTS (SELECT 1 FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) ORDER BY id",
        (before,),
    )
    return [row["id"] for row in rows]


async def open_page(queries: Queries, after: int, size: int) -> list[OpenJob]:
    """The next `size` jobs after the number `after` that have not ended and for which somebody waits, by number."""
    return await _open_jobs(queries, "AND j.id > ?", (after,), size)


async def open_page_of_account(queries: Queries, account_id: int, after: int, size: int) -> list[OpenJob]:
    """The same of one account."""
    return await _open_jobs(queries, "AND j.id > ? AND j.account_id = ?", (after, account_id), size)


async def open_among(queries: Queries, job_ids: Sequence[int]) -> list[OpenJob]:
    """Those of `job_ids` that have not ended and for which somebody waits."""
    # One parameter whatever their number: SQLite bounds how many a statement takes.
    ids = json.dumps(list(job_ids))
    return await _open_jobs(queries, "AND j.id IN (SELECT value FROM json_each(?))", (ids,))


async def _open_jobs(
    queries: Queries, condition: str, parameters: Sequence[SqlValue], limit: int = -1
) -> list[OpenJob]:
    rows = await queries.all(
        "SELECT j.id, j.account_id, j.jobid, j.snapshot, j.watched_since, j.missing_since,"
        " (SELECT group_concat(guild_id) FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) AS guilds,"
        " (SELECT max(CASE WHEN origin = 'followed' THEN 0 WHEN batch_id IS NULL THEN 2 ELSE 1 END)"
        "  FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL) AS shown"
        f" FROM jobs j WHERE j.ended_at IS NULL {condition}"
        " AND EXISTS (SELECT 1 FROM subscriptions WHERE job_id = j.id AND ended_at IS NULL)"
        " ORDER BY j.id LIMIT ?",
        (*parameters, limit),
    )
    return [_open_job(row) for row in rows]


def _open_job(row: sqlite3.Row) -> OpenJob:
    guilds = frozenset(int(guild) for guild in row["guilds"].split(","))
    return OpenJob(
        row["id"],
        row["account_id"],
        row["jobid"],
        row["snapshot"],
        row["watched_since"],
        row["missing_since"],
        guilds,
        row["shown"] == 2,
        row["shown"] > 0,
    )


def _job(row: sqlite3.Row | None) -> JobRow | None:
    return JobRow(*row) if row is not None else None
