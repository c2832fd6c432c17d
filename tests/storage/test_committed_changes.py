"""Commits of other processes are seen, in whatever order they commit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from settings import PostgresUrl
from storage import batches, committed_changes, deletion, follows, jobs, servers, subscriptions
from storage.committed_changes import Look
from storage.database import Database
from storage.follows import FollowRow
from tests.postgres_server import PostgresServer


@pytest.fixture
def url(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    made = postgres_server.new_database()
    yield made
    postgres_server.drop(made)


@pytest.fixture
async def databases(url: PostgresUrl) -> AsyncIterator[tuple[Database, Database, Database]]:
    opened = (await Database.open(url), await Database.open(url), await Database.open(url))
    yield opened
    for database in opened:
        await database.close()


def _told(look: Look) -> set[tuple[str, int]]:
    return {(change.kind, change.item) for change in look.changes}


async def test_everything_that_other_processes_keep_in_memory_is_reported(
    databases: tuple[Database, Database, Database],
) -> None:
    mine, theirs, _ = databases
    horizon = await committed_changes.horizon(mine.reader)
    async with theirs.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        job = await jobs.add(tx, account, "j", None, 0)
        subscription = await subscriptions.add(
            tx, job_id=job.id, guild_id=1, channel_id=2, batch_id=None, spoiler=False, now=0
        )
        await servers.set_account(tx, 1, account, 5)
    look = await committed_changes.since(mine.reader, horizon, but_of=mine.writer_id)
    assert _told(look) == {("account", account), ("job", job.id), ("server", 1)}
    async with theirs.transaction() as tx:
        await subscriptions.end(tx, subscription, 1)
        await follows.put(tx, FollowRow(1, 2, account, False, 5, 0))
        await committed_changes.report_end(tx, job.id)
    before, look = look, await committed_changes.since(mine.reader, look.horizon, but_of=mine.writer_id)
    new = [change for change in look.changes if change not in before.changes]
    assert {(change.kind, change.item) for change in new} == {
        ("job", job.id),
        ("subscription", subscription),
        ("follow", 1),
        ("end_reported", job.id),
    }
    assert (await committed_changes.since(theirs.reader, horizon, but_of=theirs.writer_id)).changes == []


async def test_a_change_that_began_first_and_committed_last_is_not_missed(
    databases: tuple[Database, Database, Database],
) -> None:
    mine, slow, fast = databases
    horizon = await committed_changes.horizon(mine.reader)
    async with slow.transaction(locks_rows=True) as late:
        await late.insert("accounts", account_key="slow", state_since=0)
        async with fast.transaction(locks_rows=True) as tx:
            await tx.insert("accounts", account_key="fast", state_since=0)
        look = await committed_changes.since(mine.reader, horizon, but_of=mine.writer_id)
        assert len(look.changes) == 1
    look = await committed_changes.since(mine.reader, look.horizon, but_of=mine.writer_id)
    assert len(look.changes) == 2
    assert (await committed_changes.since(mine.reader, look.horizon, but_of=mine.writer_id)).changes == []


async def test_only_changes_that_were_visible_before_are_deleted(
    databases: tuple[Database, Database, Database],
) -> None:
    """However long ago a change was made: the others have read nothing of it before its commit."""
    mine, slow, fast = databases
    async with slow.transaction(locks_rows=True) as late:
        await committed_changes.report_end(late, 1)
        await late.run("UPDATE changes SET made_at = made_at - interval '1 hour'")
        async with fast.transaction(locks_rows=True) as tx:
            await committed_changes.report_end(tx, 2)
        visible = await committed_changes.snapshot(mine.reader)
    async with fast.transaction() as tx:
        await committed_changes.report_end(tx, 3)
    async with mine.transaction() as tx:
        await committed_changes.delete_visible(tx, visible)
    assert sorted(await mine.reader.values("SELECT item FROM changes")) == [1, 3]


@pytest.mark.parametrize("column", ["shown_at = 5", "shown = 'x'"])
async def test_changes_that_only_the_posting_process_needs_are_not_reported(
    databases: tuple[Database, Database, Database], column: str
) -> None:
    mine, theirs, _ = databases
    async with theirs.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        job = await jobs.add(tx, account, "j", None, 0)
        await subscriptions.add(tx, job_id=job.id, guild_id=1, channel_id=2, batch_id=None, spoiler=False, now=0)
    horizon = await committed_changes.horizon(mine.reader)
    async with theirs.transaction() as tx:
        await tx.run(f"UPDATE subscriptions SET {column}")
    assert (await committed_changes.since(mine.reader, horizon, but_of=mine.writer_id)).changes == []


async def test_processes_that_post_elsewhere_learn_which_messages_name_a_forgotten_person(
    databases: tuple[Database, Database, Database],
) -> None:
    mine, theirs, _ = databases
    async with theirs.transaction() as tx:
        account = await tx.insert("accounts", account_key="k", state_since=0)
        batch = await batches.add(tx, guild_id=1, channel_id=2, user_id=9, mention=False, now=0)
        named = []
        for jobid, batch_id, user_id in (("asked", None, 9), ("of a batch", batch, 8), ("another's", None, 8)):
            job = await jobs.add(tx, account, jobid, None, 0)
            one = await subscriptions.add(
                tx, job_id=job.id, guild_id=1, channel_id=2, batch_id=batch_id, spoiler=False, now=0
            )
            await subscriptions.put_subscriber(tx, one, user_id, mention=False, in_batch=batch_id is not None, now=0)
            named.append(one)
    horizon = await committed_changes.horizon(mine.reader)
    async with theirs.transaction() as tx:
        assert sorted(await deletion.forget_person(tx, 9)) == named[:2]
    look = await committed_changes.since(mine.reader, horizon, but_of=mine.writer_id)
    assert _told(look) == {("subscription", one) for one in named[:2]}
