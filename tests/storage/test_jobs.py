from __future__ import annotations

import pytest

from model.job import Outcome
from storage import jobs, subscriptions
from storage.database import Database, Transaction


@pytest.fixture
async def accounts(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("INSERT INTO accounts (id, account_key, state_since) VALUES (1, 'user:1', 0), (2, 'user:2', 0)")


async def _watch(tx: Transaction, job_id: int, guild_id: int, channel_id: int) -> int:
    return await subscriptions.add(
        tx, job_id=job_id, guild_id=guild_id, channel_id=channel_id, batch_id=None, spoiler=False, now=1
    )


@pytest.mark.usefixtures("accounts")
async def test_a_job_is_added_once_for_each_account(database: Database) -> None:
    async with database.transaction() as tx:
        first = await jobs.add(tx, 1, "job-1", "{}", 10)
        again = await jobs.add(tx, 1, "job-1", "other", 20)
        elsewhere = await jobs.add(tx, 2, "job-1", None, 30)
    assert first == again
    assert (elsewhere.id, elsewhere.snapshot, elsewhere.watched_since) != (first.id, "{}", 10)
    assert await jobs.by_jobid(database.reader, 2, "job-1") == elsewhere
    assert await jobs.by_jobid(database.reader, 2, "job-2") is None


@pytest.mark.usefixtures("accounts")
async def test_the_life_of_a_job(database: Database) -> None:
    async with database.transaction() as tx:
        row = await jobs.add(tx, 1, "job-1", None, 10)
        await jobs.set_missing(tx, row.id, 15)
        await jobs.change(tx, row.id, "news", 20)
        changed = await jobs.by_id(tx, row.id)
        assert changed is not None
        assert (changed.snapshot, changed.changed_at, changed.missing_since) == ("news", 20, None)
        await jobs.end(tx, row.id, Outcome.GIVEN_UP, 30)
        await jobs.end(tx, row.id, Outcome.FAILED, 40)
        ended = await jobs.by_id(tx, row.id)
        assert ended is not None
        assert (ended.outcome, ended.ended_at) == ("given up", 30)
        await jobs.restart_age(tx, row.id, 45)
        reopened = await jobs.reopen(tx, row.id, 50)
        assert (reopened.round, reopened.outcome, reopened.watched_since, reopened.ended_at) == (1, None, 50, None)
        assert (await jobs.reopen(tx, row.id, 60)).round == 1
        await jobs.restart_age(tx, row.id, 70)
    after = await jobs.by_id(database.reader, row.id)
    assert after is not None
    assert after.watched_since == 70


@pytest.mark.usefixtures("accounts")
async def test_a_number_works_only_where_it_was_requested(database: Database) -> None:
    async with database.transaction() as tx:
        row = await jobs.add(tx, 1, "job-1", None, 10)
        subscription_id = await _watch(tx, row.id, 7, 70)
        await subscriptions.end(tx, subscription_id, 20)
    assert await jobs.of_guild(database.reader, 7, row.id) == row
    assert await jobs.of_guild(database.reader, 8, row.id) is None


@pytest.mark.usefixtures("accounts")
async def test_for_whom_a_number_works(database: Database) -> None:
    async with database.transaction() as tx:
        theirs = await jobs.add(tx, 1, "job-1", None, 10)
        await _watch(tx, theirs.id, 8, 80)
        ours = await jobs.add(tx, 2, "job-1", None, 10)
        here = await _watch(tx, ours.id, 7, 70)
        await subscriptions.put_subscriber(tx, here, 1000, mention=True, in_batch=False, now=10)
        await subscriptions.end(tx, here, 20)
    reader = database.reader
    for number, where, meant in (
        (ours.id, {"guild_id": 7, "channel_id": 70, "user_id": 1}, ours),
        (ours.id, {"guild_id": 7, "channel_id": 71, "user_id": 1000}, ours),
        (ours.id, {"guild_id": 7, "channel_id": 71, "user_id": 1}, None),
        (ours.id, {"guild_id": 9, "channel_id": 90, "user_id": 1000}, None),
        (theirs.id, {"guild_id": 7, "channel_id": 70, "user_id": 1}, ours),
        (theirs.id, {"guild_id": 7, "channel_id": 71, "user_id": 1}, None),
        (theirs.id, {"guild_id": 8, "channel_id": 80, "user_id": 1}, theirs),
        (99, {"guild_id": 7, "channel_id": 70, "user_id": 1000}, None),
    ):
        assert await jobs.by_number(reader, number, **where) == meant


@pytest.mark.usefixtures("accounts")
async def test_open_jobs_come_in_pages_with_the_servers_that_wait(database: Database) -> None:
    async with database.transaction() as tx:
        for number in range(1, 8):
            row = await jobs.add(tx, 1 + number % 2, f"job-{number}", None, number)
            await _watch(tx, row.id, 7, 70)
            await _watch(tx, row.id, 8, 80)
            await _watch(tx, row.id, 8, 81)
        await jobs.end(tx, 2, Outcome.FAILED, 9)
        for subscription in await subscriptions.open_of_job(tx, 3):
            await subscriptions.end(tx, subscription.id, 9)
        await jobs.add(tx, 1, "nobody-waits", None, 1)
    first = await jobs.open_page(database.reader, 0, 3)
    second = await jobs.open_page(database.reader, first[-1].id, 3)
    assert [row.id for row in first + second] == [1, 4, 5, 6, 7]
    assert await jobs.open_page(database.reader, 7, 3) == []
    assert first[0].guilds == {7, 8}
    assert [row.id for row in await jobs.open_page(database.reader, 0, 1, account_id=1)] == [4]
    assert [row.id for row in await jobs.open_page(database.reader, 4, 5, account_id=1)] == [6]
    assert [row.id for row in await jobs.open_among(database.reader, [7, 2, 3, 1, 99])] == [1, 7]


async def test_a_job_has_a_card_only_where_it_was_requested_and_a_batch_shows_it_too(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("INSERT INTO accounts (id, account_key, state_since) VALUES (1, 'user:1', 0)")
        await tx.run(
            "INSERT INTO batches (id, guild_id, channel_id, user_id, mention, created_at) "
            "VALUES (1, 7, 70, 1, FALSE, 0)"
        )
        for job_id in range(1, 6):
            await tx.run(
                "INSERT INTO jobs (id, account_id, jobid, watched_since, changed_at) VALUES (?, 1, ?, 0, 0)",
                (job_id, f"job-{job_id}"),
            )
        rows = [
            (1, 70, None, "asked", None),
            (2, 70, 1, "asked", None),
            (3, 70, None, "followed", None),
            (4, 70, None, "followed with card", None),
            (5, 70, None, "asked", 1),
            (5, 71, None, "followed", None),
        ]
        for row in rows:
            await tx.run(
                "INSERT INTO subscriptions (job_id, guild_id, channel_id, batch_id, origin, created_at, ended_at)"
                " VALUES (?, 7, ?, ?, ?, 0, ?)",
                row,
            )
    page = await jobs.open_page(database.reader, 0, 10)
    assert [row.has_card for row in page] == [True, False, False, True, False]
    assert [row.is_shown for row in page] == [True, True, False, True, False]
