"""Fills databases with what they would hold after a while."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from benchmarks.pixverse_process import ServedJob
from settings import DatabasePlace
from storage.database import Database


def insert(place: DatabasePlace, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Inserts rows into a table of a bot that isn't running. The next id follows the highest id in the rows."""
    if isinstance(place, Path):
        values = ", ".join("?" * len(columns))
        with closing(sqlite3.connect(place)) as file, file:
            file.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})", rows)
        return
    names = SQL(", ").join(map(Identifier, columns))
    with psycopg.connect(place.secret.get_secret_value()) as connection:
        with connection.cursor().copy(SQL("COPY {} ({}) FROM STDIN").format(Identifier(table), names)) as copy:
            for row in rows:
                copy.write_row(row)
        if "id" in columns:
            query = "SELECT setval(pg_get_serial_sequence({0}, 'id'), max(id)) FROM {1}"
            connection.execute(SQL(query).format(table, Identifier(table)))


def account_numbers(place: DatabasePlace) -> dict[str, int]:
    """The accounts' row ids by account key."""
    query = "SELECT account_key, id FROM accounts"
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as file:
            return dict(file.execute(query).fetchall())
    with psycopg.connect(place.secret.get_secret_value()) as connection:
        return dict(connection.execute(query).fetchall())


async def fill(database: Database, jobs: Sequence[ServedJob]) -> None:
    """Makes every job watched from now on, in a channel of its account's only server. Account, server and channel have
    the same number, counted from 1 in the order of the tokens."""
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
