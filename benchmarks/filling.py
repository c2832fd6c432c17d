"""Databases as they are after a while, filled without waiting for it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks.pixverse_process import AskedJob
from storage.database import Database


async def fill(database: Database, jobs: Sequence[AskedJob]) -> None:
    """Every job is watched since now in a channel of its account's only server; account, server and channel have the
    same number, counted from 1 in the order of the tokens."""
    now = time.time_ns() // 1_000_000
    accounts = {token: number for number, token in enumerate(sorted({job.token for job in jobs}), start=1)}
    async with database.transaction() as tx:
        for number in accounts.values():
            await tx.run(
                "INSERT INTO accounts (id, account_key, state_since) VALUES (?, ?, 0)", (number, f"user:{number}")
            )
        for number, job in enumerate(jobs, start=1):
            place = accounts[job.token]
            await tx.run(
                "INSERT INTO jobs (id, account_id, jobid, watched_since, changed_at) VALUES (?, ?, ?, ?, 0)",
                (number, place, job.jobid, now),
            )
            await tx.run(
                "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at) VALUES (?, ?, ?, ?)",
                (number, place, place, now),
            )
