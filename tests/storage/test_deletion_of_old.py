from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.job import Outcome
from storage import accounts, batches, deletion, deliveries, jobs, servers, subscriptions
from storage.database import Database
from storage.engines.sqlite import migrate

GUILD, CHANNEL = 7, 70
OLD, BEFORE, NEW = 1_000, 2_000, 3_000


class Shelf:
    """Jobs of one account, each watched in one channel, of whatever age."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def job(
        self,
        jobid: str,
        *,
        ended: int | None,
        stopped: int | None = None,
        waiting: bool = False,
        given_up: int | None = None,
        delivered: int = OLD,
    ) -> int:
        async with self.database.transaction() as tx:
            account = await accounts.put_token(tx, "user:1", b"x", "user:1", 0)
            row = await jobs.add(tx, account.id, jobid, None, OLD)
            subscription_id = await subscriptions.add(
                tx, job_id=row.id, guild_id=GUILD, channel_id=CHANNEL, batch_id=None, spoiler=False, now=OLD
            )
            await subscriptions.put_subscriber(tx, subscription_id, 66, mention=True, in_batch=False, now=OLD)
            if stopped is not None:
                await subscriptions.stop(tx, subscription_id, 66, stopped)
            if given_up is not None:
                card = await deliveries.add_card(
                    tx,
                    subscription_id=subscription_id,
                    guild_id=GUILD,
                    channel_id=CHANNEL,
                    base_nonce=f"card-{jobid}",
                    now=OLD,
                )
                await deliveries.settle_posted(tx, card, message_id=6, now=OLD)
            if ended is None:
                return row.id
            await jobs.end(tx, row.id, Outcome.COMPLETED, ended)
            if waiting:
                return row.id
            await subscriptions.end(tx, subscription_id, ended if given_up is None else given_up)
            delivery_id = await deliveries.add_outcome(
                tx,
                subscription_id=subscription_id,
                guild_id=GUILD,
                channel_id=CHANNEL,
                base_nonce=jobid,
                closes_batch=False,
                now=OLD,
            )
            if delivered:
                await deliveries.settle_posted(tx, delivery_id, message_id=5, now=delivered)
        return row.id

    async def sweep(self, limit: int = 10) -> int:
        async with self.database.transaction() as tx:
            return await deletion.delete_old_jobs(tx, BEFORE, limit, stopped_before=NEW)

    async def left(self) -> list[int]:
        return [row["id"] for row in await self.database.reader.all("SELECT id FROM jobs ORDER BY id")]


@pytest.fixture
def shelf(database: Database) -> Shelf:
    return Shelf(database)


async def test_an_old_job_is_deleted_with_everything_that_belongs_to_it(shelf: Shelf) -> None:
    await shelf.job("old", ended=OLD)
    new = await shelf.job("new", ended=NEW)
    assert await shelf.sweep() == 1
    assert await shelf.left() == [new]
    for table in ("subscriptions", "subscribers", "deliveries"):
        assert len(await shelf.database.reader.all(f"SELECT * FROM {table}")) == 1


async def test_watched_jobs_and_jobs_with_outcomes_to_post_are_kept(shelf: Shelf) -> None:
    kept = [
        await shelf.job("running", ended=None),
        await shelf.job("on hold at its end", ended=OLD, waiting=True),
        await shelf.job("to be posted", ended=OLD, delivered=0),
        await shelf.job("on hold until now", ended=OLD, given_up=NEW + 1),
        await shelf.job("stopped of late", ended=None, stopped=NEW),
    ]
    await shelf.job("stopped long ago", ended=None, stopped=OLD)
    await shelf.job("on hold until a day ago", ended=OLD, given_up=NEW)
    assert await shelf.sweep() == 2
    assert await shelf.left() == kept


async def test_age_counts_from_the_job_s_end_however_often_it_was_posted(shelf: Shelf) -> None:
    await shelf.job("posted again", ended=OLD, delivered=NEW)
    assert await shelf.sweep() == 1


async def test_a_sweep_is_bounded_and_no_number_is_reused(shelf: Shelf) -> None:
    numbers = [await shelf.job(f"job-{place}", ended=OLD) for place in range(3)]
    assert [await shelf.sweep(2) for _ in range(3)] == [2, 1, 0]
    assert await shelf.job("later", ended=None) > max(numbers)


async def test_batches_and_messages_to_admins(database: Database) -> None:
    async with database.transaction() as tx:
        for created in (OLD, NEW):
            batch = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=66, mention=True, now=created)
            await deliveries.add_summary(
                tx, batch_id=batch, guild_id=GUILD, channel_id=CHANNEL, base_nonce=f"s{created}", now=created
            )
            notice = await deliveries.add_notice(
                tx, guild_id=GUILD, channel_id=CHANNEL, base_nonce=f"n{created}", notice_json="{}", now=created
            )
            await deliveries.settle_posted(tx, notice, message_id=5, now=created)
        await deletion.delete_old_batches(tx, BEFORE)
        assert await deletion.delete_old_notices(tx, BEFORE, 10) == 1
        rows = await tx.all("SELECT created_at FROM deliveries")
    assert [row["created_at"] for row in rows] == [NEW, NEW]


async def test_accounts_without_any_data(shelf: Shelf) -> None:
    async with shelf.database.transaction() as tx:
        unused = await accounts.put_token(tx, "user:9", b"x", "user:9", 0)
        used = await accounts.put_token(tx, "user:8", b"x", "user:8", 0)
        newest = await accounts.put_token(tx, "user:7", b"x", "user:7", 0)
        await servers.set_account(tx, GUILD, used.id, 66)
        await tx.run("UPDATE accounts SET token = NULL WHERE id <> ?", (used.id,))
        assert await deletion.delete_unused_accounts(tx) == [unused.id]
        assert await accounts.by_id(tx, unused.id) is None
        assert await accounts.by_id(tx, newest.id) is not None


async def test_the_newest_account_leaves_only_a_meaningless_number(shelf: Shelf) -> None:
    async with shelf.database.transaction() as tx:
        newest = await accounts.put_token(tx, "user:7", b"x", "user:7", 0)
        await deletion.delete_unused_accounts(tx)
        assert await accounts.by_id(tx, newest.id) == newest
        await accounts.forget_unused_token(tx, newest.id)
        for _ in range(2):
            await deletion.delete_unused_accounts(tx)
        kept = await accounts.by_id(tx, newest.id)
        assert kept is not None
        assert (kept.account_key, kept.token, kept.token_hash) == (f"forgotten:{newest.id}", None, None)
        back = await accounts.put_token(tx, "user:7", b"y", "user:7", 0)
        assert back.id > newest.id
        await deletion.delete_unused_accounts(tx)
        assert await accounts.by_id(tx, newest.id) is None


def test_copies_from_before_an_update(tmp_path: Path) -> None:
    path = tmp_path / "relay.db"
    for name, time in (("relay.db", OLD), ("relay.db.before-1", OLD), ("relay.db.before-2", NEW), ("mine.db", OLD)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time / 1000, time / 1000))
    migrate.delete_old_copies(path, BEFORE)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine.db", "relay.db", "relay.db.before-2"]
