"""Moves subscriptions and follows to another row of `accounts`.

`to_account`: a server has set a new token for its account, and what it has under former tokens moves to the new row.
`to_job`: what a channel waits for on hold moves to the job under the account that can see it.

Nothing of another server changes: a job that others wait for too is copied, and only this server's subscriptions go to
the copy. Subscriptions keep their numbers, because buttons carry them.
"""

from __future__ import annotations

from model.job import OF_ONE_ACCOUNT
from storage import batches, subscriptions
from storage.database import Transaction
from storage.engines.interface import Row

_FORMER = """
SELECT f.id FROM accounts f JOIN accounts n ON n.account_key = f.account_key WHERE n.id = ?1 AND f.id <> n.id
"""
"""The other rows of the same account as the row ?1, to which everything moves."""
_SOURCES = f"""
SELECT j.* FROM jobs j WHERE j.account_id IN ({_FORMER})
AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = j.id AND s.guild_id = ?2)
"""
"""The jobs of former rows that the server ?2 has a subscription for."""
_WAITED_FOR = "EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = m.id AND +s.guild_id = ?2 AND s.ended_at IS NULL)"
"""The server ?2 waits for the job `m`. The plus keeps SQLite from reading, for each job, everything that the server
waits for."""
_FIRST_OF_ITS_ID = f"""
SELECT id FROM (
  SELECT m.id, row_number() OVER (PARTITION BY m.jobid ORDER BY m.ended_at IS NOT NULL, m.id DESC) AS place
  FROM ({_SOURCES}) m
) AS ranked WHERE place = 1
"""
"""One of those jobs for each job id: the server may have waited for it under several former rows."""
_HAS_NO_TARGET = "NOT EXISTS (SELECT 1 FROM jobs t WHERE t.account_id = ?1 AND t.jobid = jobs.jobid)"
_NOT_TOLD = "('" + "', '".join(OF_ONE_ACCOUNT) + "')"

_REPOINT = f"""
UPDATE jobs SET account_id = ?1, missing_since = NULL WHERE id IN ({_FIRST_OF_ITS_ID}) AND {_HAS_NO_TARGET}
AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.job_id = jobs.id AND s.guild_id <> ?2)
"""
_COPY = f"""
INSERT INTO jobs (account_id, jobid, snapshot, watched_since, changed_at, round, ended_at, outcome)
SELECT ?1, jobid, snapshot, watched_since, changed_at, round, ended_at, outcome FROM jobs
WHERE id IN ({_FIRST_OF_ITS_ID}) AND {_HAS_NO_TARGET}
"""
_REOPEN = f"""
UPDATE jobs SET round = round + 1, ended_at = NULL, outcome = NULL, missing_since = NULL
WHERE account_id = ?1 AND outcome IN {_NOT_TOLD}
AND EXISTS (SELECT 1 FROM ({_SOURCES}) m WHERE m.jobid = jobs.jobid AND {_WAITED_FOR}
  AND (m.outcome IS NULL OR m.outcome NOT IN {_NOT_TOLD}))
"""
"""An end that the API did not report does not count for those who still wait for the job's end."""
_REWATCH = f"""
UPDATE jobs SET watched_since = {{greatest}}
WHERE account_id = ?1 AND ended_at IS NULL
AND NOT EXISTS (SELECT 1 FROM subscriptions o WHERE o.job_id = jobs.id AND o.ended_at IS NULL)
AND EXISTS (SELECT 1 FROM ({_SOURCES}) m WHERE m.jobid = jobs.jobid AND {_WAITED_FOR})
"""
_NEWEST_WATCH = f"(SELECT max(m.watched_since) FROM ({_SOURCES}) m WHERE m.jobid = jobs.jobid)"
_MOVE = f"""
UPDATE subscriptions SET job_id = moved.target FROM (
  SELECT s.id AS source, t.id AS target, row_number() OVER (PARTITION BY t.id, s.channel_id ORDER BY s.id) AS place
  FROM ({_SOURCES}) m JOIN jobs t ON t.account_id = ?1 AND t.jobid = m.jobid
  JOIN subscriptions s ON s.job_id = m.id AND +s.guild_id = ?2
  WHERE {{condition}}
) AS moved
WHERE id = moved.source AND moved.place = 1
AND NOT EXISTS (SELECT 1 FROM subscriptions k WHERE k.job_id = moved.target AND k.channel_id = subscriptions.channel_id)
"""
_MOVE_OPEN = _MOVE.format(condition="s.ended_at IS NULL")
_SAME_END = "(t.outcome = m.outcome OR (t.outcome IS NULL AND m.outcome IS NULL)) AND t.round = m.round"
_MOVE_ENDED = _MOVE.format(condition=f"s.ended_at IS NOT NULL AND {_SAME_END}")
"""An ended subscription stays behind if the job to move to ended differently: its messages are built from its job."""

_DOUBLE_COLUMNS = """
s.id, s.batch_id, s.origin, s.spoiler, s.created_at, k.id AS kept, k.batch_id AS kept_batch, k.ended_at AS kept_ended_at
"""
_DOUBLE = f"""
SELECT {_DOUBLE_COLUMNS}
FROM ({_SOURCES}) m JOIN subscriptions s ON s.job_id = m.id AND s.guild_id = ?2 AND s.ended_at IS NULL
JOIN jobs t ON t.account_id = ?1 AND t.jobid = m.jobid
JOIN subscriptions k ON k.job_id = t.id AND k.channel_id = s.channel_id
"""

_ELSEWHERE = """
SELECT s.id FROM jobs j JOIN jobs o ON o.jobid = j.jobid AND o.id <> j.id JOIN subscriptions s ON s.job_id = o.id
WHERE j.id = ?1 AND s.channel_id = ?2 AND s.guild_id = ?3 AND s.ended_at IS NULL
"""
"""What the channel ?2 of the server ?3 waits for under another row with the id of the job ?1."""
_ROUND_ELSEWHERE = f"""
SELECT max(e.round) FROM jobs e JOIN subscriptions es ON es.job_id = e.id WHERE es.id IN ({_ELSEWHERE})
"""
_MOVE_HERE = f"""
UPDATE subscriptions SET job_id = ?1 WHERE id = (SELECT min(id) FROM ({_ELSEWHERE}) AS elsewhere)
AND NOT EXISTS (SELECT 1 FROM subscriptions k WHERE k.job_id = ?1 AND k.channel_id = ?2)
"""
_CATCH_UP = f"""
UPDATE jobs SET round = ({_ROUND_ELSEWHERE}) WHERE id = ?1 AND ended_at IS NULL AND round < ({_ROUND_ELSEWHERE})
"""
"""Raises the job's round to that of the job from which the channel's subscription moves. Otherwise an outcome that the
channel got in an earlier round there would count as the outcome of this job."""
_DOUBLE_HERE = f"""
SELECT {_DOUBLE_COLUMNS}
FROM subscriptions s JOIN subscriptions k ON k.job_id = ?1 AND k.channel_id = ?2 WHERE s.id IN ({_ELSEWHERE})
"""


async def to_account(tx: Transaction, guild_id: int, account_id: int, now: int) -> list[int]:
    """Moves the subscriptions (open and ended) and follows of one server to this account; returns the accounts under
    which they may have been.

    Of two subscriptions of one channel for the same job id, one goes on with the subscribers and messages of both.
    """
    both = (account_id, guild_id)
    former = await tx.values(_FORMER, (account_id,))
    if not former:
        return []
    rewatch = _REWATCH.format(greatest=tx.dialect.greatest("watched_since", _NEWEST_WATCH))
    for statement in (_REPOINT, _COPY, _REOPEN, rewatch, _MOVE_OPEN):
        await tx.run(statement, both)
    for row in await tx.all(_DOUBLE, both):
        await _merge(tx, row, now)
    await tx.run(_MOVE_ENDED, both)
    await tx.run(f"UPDATE follows SET account_id = ?1 WHERE guild_id = ?2 AND account_id IN ({_FORMER})", both)
    return former


async def to_job(tx: Transaction, job_id: int, guild_id: int, channel_id: int, now: int) -> None:
    """Moves what one channel waits for under another account to this job, which has the same job id and belongs to the
    account in force."""
    here = (job_id, channel_id, guild_id)
    await tx.run(_CATCH_UP, here)
    await tx.run(_MOVE_HERE, here)
    for row in await tx.all(_DOUBLE_HERE, here):
        await _merge(tx, row, now)


async def _merge(tx: Transaction, double: Row, now: int) -> None:
    """Merges a subscription into the one that is kept (a row of `_DOUBLE`), and ends it."""
    if double["kept_ended_at"] is not None:
        await subscriptions.reopen(
            tx,
            double["kept"],
            batch_id=double["batch_id"],
            spoiler=double["spoiler"],
            now=double["created_at"],
            origin=double["origin"],
        )
    elif double["kept_batch"] is None:
        await tx.run("UPDATE subscriptions SET batch_id = ? WHERE id = ?", (double["batch_id"], double["kept"]))
    else:  # The other batch's end pings nobody for this one.
        await tx.run("UPDATE subscribers SET in_batch = FALSE WHERE subscription_id = ?", (double["id"],))
    await tx.run(
        """
        INSERT INTO subscribers (subscription_id, user_id, mention, in_batch, asked_at)
        SELECT ?, user_id, mention, in_batch, asked_at FROM subscribers WHERE subscription_id = ?
        ON CONFLICT DO NOTHING
        """,
        (double["kept"], double["id"]),
    )
    # What was reported under each account stays with that account.
    await tx.run(
        """
        UPDATE deliveries SET subscription_id = ?1 WHERE subscription_id = ?2
        AND NOT EXISTS (SELECT 1 FROM deliveries k
          WHERE k.subscription_id = ?1 AND k.kind = deliveries.kind AND k.round = deliveries.round)
        """,
        (double["kept"], double["id"]),
    )
    await tx.run("UPDATE subscriptions SET ended_at = ? WHERE id = ?", (now, double["id"]))
    if double["batch_id"] is not None:
        await batches.end_if_done(tx, double["batch_id"], now)
