"""A server's data moves from its old token to the new one; other servers' data doesn't."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest

from model.job import Outcome
from model.states import DeliveryKind
from storage import accounts, batches, deliveries, delivery_queries, follows, jobs, moves, subscriptions
from storage.database import Database
from storage.follows import FollowRow
from storage.jobs import JobRow

HERE, THERE = 100, 200
NOW = 1_000


@dataclass
class Shelf:
    """Rows of one account, as tokens come and go; servers have channels 10 above their own number."""

    database: Database
    tokens: int = 0

    async def token(self, key: str = "user:1") -> int:
        self.tokens += 1
        async with self.database.transaction() as tx:
            return (await accounts.put_token(tx, key, b"x", f"hash {self.tokens}", 0)).id

    async def watched(
        self, account: int, jobid: str, guild: int = HERE, *, channel: int | None = None, user: int = 1
    ) -> int:
        async with self.database.transaction() as tx:
            job = await jobs.add(tx, account, jobid, None, NOW)
            number = await subscriptions.add(
                tx, job_id=job.id, guild_id=guild, channel_id=channel or guild + 10, batch_id=None, spoiler=False, now=0
            )
            await subscriptions.put_subscriber(tx, number, user, mention=True, in_batch=False, now=0)
        return number

    async def move(self, account: int, guild: int = HERE) -> list[int]:
        async with self.database.transaction() as tx:
            return await moves.to_account(tx, guild, account, NOW)

    async def end(self, subscription: int, outcome: Outcome | None = Outcome.COMPLETED) -> None:
        """Ends the job with an outcome in the channel; without an outcome, somebody stopped watching."""
        job = await self.job(subscription)
        async with self.database.transaction() as tx:
            if outcome is not None:
                await jobs.end(tx, job.id, outcome, NOW)
                await deliveries.add_outcome(
                    tx,
                    subscription_id=subscription,
                    guild_id=HERE,
                    channel_id=HERE + 10,
                    base_nonce=job.jobid,
                    closes_batch=False,
                    now=NOW,
                )
            await subscriptions.end(tx, subscription, NOW)

    async def job(self, subscription: int) -> JobRow:
        row = await subscriptions.by_id(self.database.reader, subscription)
        assert row is not None
        job = await jobs.by_id(self.database.reader, row.job_id)
        assert job is not None
        return job

    async def is_open(self, subscription: int) -> bool:
        row = await subscriptions.by_id(self.database.reader, subscription)
        assert row is not None
        return row.ended_at is None


async def test_a_job_of_one_server_keeps_its_number(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    running, ended = await shelf.watched(old, "a"), await shelf.watched(old, "b")
    await shelf.end(ended)
    before = [await shelf.job(running), await shelf.job(ended)]
    async with database.transaction() as tx:
        await jobs.set_missing(tx, before[0].id, 5)
    assert await shelf.move(new) == [old]
    after = [await shelf.job(running), await shelf.job(ended)]
    assert [row.id for row in after] == [row.id for row in before]
    assert [row.account_id for row in after] == [new, new]
    assert after[0].missing_since is None
    assert after[1].outcome == "completed"


async def test_a_job_that_others_wait_for_is_split(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    here, there = await shelf.watched(old, "a"), await shelf.watched(old, "a", THERE)
    number = (await shelf.job(here)).id
    await shelf.move(new)
    ours, theirs = await shelf.job(here), await shelf.job(there)
    assert (ours.account_id, theirs.account_id) == (new, old)
    assert theirs.id == number
    assert (ours.jobid, ours.watched_since) == ("a", theirs.watched_since)
    found = await jobs.by_number(database.reader, number, guild_id=HERE, channel_id=HERE + 10, user_id=9)
    assert found is not None
    assert found.id == ours.id


async def test_another_server_with_the_same_new_token_shares_the_job(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    there = await shelf.watched(new, "a", THERE)
    here = await shelf.watched(old, "a")
    await shelf.move(new)
    assert (await shelf.job(here)).id == (await shelf.job(there)).id


async def test_a_batch_ends_if_its_last_job_moves_to_another_batch(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    kept, moved = await shelf.watched(new, "a"), await shelf.watched(old, "a")
    async with database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=HERE, channel_id=HERE + 10, user_id=1, mention=True, now=0)
        other = await batches.add(tx, guild_id=HERE, channel_id=HERE + 10, user_id=2, mention=True, now=0)
        for number, of in ((moved, batch_id), (kept, other)):
            await tx.run("UPDATE subscriptions SET batch_id = ? WHERE id = ?", (of, number))
    await shelf.move(new)
    batch = await batches.by_id(database.reader, batch_id)
    assert batch is not None
    assert (await shelf.is_open(kept), await shelf.is_open(moved), batch.ended_at) == (True, False, NOW)


async def test_of_several_former_rows_one_subscription_of_a_channel_continues(database: Database) -> None:
    shelf = Shelf(database)
    first, second, new = await shelf.token(), await shelf.token(), await shelf.token()
    await shelf.watched(new, "a", THERE)
    both = [await shelf.watched(first, "a", user=1), await shelf.watched(second, "a", user=2)]
    assert sorted(await shelf.move(new)) == [first, second]
    (here,) = [one for one in both if await shelf.is_open(one)]
    assert (await shelf.job(here)).account_id == new
    assert [one.user_id for one in await subscriptions.subscribers(database.reader, here)] == [1, 2]


@pytest.mark.parametrize(("waits", "since"), [(False, NOW + 500), (True, NOW)])
async def test_a_job_that_nobody_watched_is_as_old_as_the_one_that_moves_to_it(
    database: Database, waits: bool, since: int
) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    there, here = await shelf.watched(new, "a", THERE), await shelf.watched(old, "a")
    async with database.transaction() as tx:
        await jobs.restart_age(tx, (await shelf.job(here)).id, NOW + 500)
    if not waits:
        await shelf.end(there, None)
    await shelf.move(new)
    moved = await shelf.job(here)
    assert (moved.id, moved.watched_since) == ((await shelf.job(there)).id, since)


async def test_other_accounts_and_other_servers_do_not_move(database: Database) -> None:
    shelf = Shelf(database)
    other, old, new = await shelf.token("user:2"), await shelf.token(), await shelf.token()
    held, there = await shelf.watched(other, "a"), await shelf.watched(old, "b", THERE)
    async with database.transaction() as tx:
        for guild in (HERE, THERE):
            await follows.put(tx, FollowRow(guild, guild + 1, old, False, 1, 0))
    await shelf.move(new)
    assert [(await shelf.job(one)).account_id for one in (held, there)] == [other, old]
    assert [row.guild_id for row in await follows.of_account(database.reader, new)] == [HERE]
    assert [row.guild_id for row in await follows.of_account(database.reader, old)] == [THERE]


async def test_an_end_that_the_api_did_not_report_does_not_count_for_those_who_still_wait(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    for jobid, outcome in (("a", Outcome.GIVEN_UP), ("b", Outcome.NOT_FOUND), ("c", Outcome.COMPLETED)):
        await shelf.end(await shelf.watched(new, jobid, THERE), outcome)
    here = {jobid: await shelf.watched(old, jobid) for jobid in "abc"}
    await shelf.move(new)
    found = {jobid: await shelf.job(number) for jobid, number in here.items()}
    assert {row.account_id for row in found.values()} == {new}
    assert [(found[jobid].outcome, found[jobid].round) for jobid in "abc"] == [(None, 1), (None, 1), ("completed", 0)]
    assert all([await shelf.is_open(number) for number in here.values()])


async def test_an_ended_job_does_not_move_if_the_new_row_differs(database: Database) -> None:
    """Its message is built from the row and may still have to be posted."""
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    await shelf.watched(new, "a", THERE)
    here = await shelf.watched(old, "a")
    await shelf.end(here)
    await shelf.move(new)
    assert ((await shelf.job(here)).account_id, (await shelf.job(here)).outcome) == (old, "completed")


async def test_of_two_open_subscriptions_of_a_channel_one_continues_with_both_subscribers(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    kept = await shelf.watched(new, "a", user=1)
    double = await shelf.watched(old, "a", user=2)
    async with database.transaction() as tx:
        await deliveries.add_card(
            tx, subscription_id=double, guild_id=HERE, channel_id=HERE + 10, base_nonce="card", now=0
        )
    await shelf.move(new)
    assert [await shelf.is_open(one) for one in (kept, double)] == [True, False]
    assert [one.user_id for one in await subscriptions.subscribers(database.reader, kept)] == [1, 2]
    assert await delivery_queries.of_subscription(database.reader, kept, DeliveryKind.CARD) is not None


@pytest.mark.parametrize("in_two", [False, True])
async def test_a_batch_whose_last_job_moves_to_another_subscription_still_pings(
    database: Database, *, in_two: bool
) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    kept, double = await shelf.watched(new, "a", user=1), await shelf.watched(old, "a", user=2)
    async with database.transaction() as tx:
        for number, user in [(double, 2), *([(kept, 1)] if in_two else [])]:
            batch = await batches.add(tx, guild_id=HERE, channel_id=HERE + 10, user_id=user, mention=True, now=0)
            await tx.run("UPDATE subscriptions SET batch_id = ? WHERE id = ?", (batch, number))
            await tx.run("UPDATE subscribers SET in_batch = TRUE WHERE subscription_id = ?", (number,))
    await shelf.move(new)
    row = await subscriptions.by_id(database.reader, kept)
    assert row is not None
    assert row.batch_id is not None
    batch_row = await batches.by_id(database.reader, row.batch_id)
    assert batch_row is not None
    alone = {one.user_id for one in await subscriptions.subscribers(database.reader, kept) if not one.in_batch}
    assert (alone, batch_row.user_id, batch_row.ended_at) == (({2}, 1, None) if in_two else ({1}, 2, None))


async def test_an_ended_subscription_is_reopened_for_a_waiting_one(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    kept = await shelf.watched(new, "a", user=1)
    await shelf.end(kept, None)
    double = await shelf.watched(old, "a", user=2)
    await shelf.move(new)
    assert [await shelf.is_open(one) for one in (kept, double)] == [True, False]
    assert [one.user_id for one in await subscriptions.subscribers(database.reader, kept)] == [2]


async def test_jobs_of_several_former_tokens_are_gathered(database: Database) -> None:
    shelf = Shelf(database)
    first, second, new = await shelf.token(), await shelf.token(), await shelf.token()
    one, two = await shelf.watched(first, "a"), await shelf.watched(second, "a", channel=7)
    again = await shelf.watched(second, "b")
    assert sorted(await shelf.move(new)) == [first, second]
    assert {(await shelf.job(number)).account_id for number in (one, two, again)} == {new}
    assert (await shelf.job(one)).id == (await shelf.job(two)).id


async def test_thousands_of_jobs_move_quickly(database: Database) -> None:
    shelf = Shelf(database)
    old, new = await shelf.token(), await shelf.token()
    async with database.transaction() as tx:
        await tx.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
            " INSERT INTO jobs (account_id, jobid, watched_since, changed_at) SELECT ?, 'job-' || i, 0, 0 FROM n",
            (old,),
        )
        for guild, step in ((HERE, 1), (THERE, 2)):
            await tx.run(
                "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at)"
                " SELECT id, ?, ?, 0 FROM jobs WHERE id % ? = 0",
                (guild, guild + 10, step),
            )
    began = time.process_time()
    await shelf.move(new)
    assert time.process_time() - began < 2
    (row,) = await database.reader.all(
        "SELECT count(*) FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.guild_id = ? AND j.account_id = ?",
        (HERE, new),
    )
    assert row[0] == 5000


async def test_a_subscription_elsewhere_moves_to_the_job_that_can_be_seen(database: Database) -> None:
    shelf = Shelf(database)
    old, other, seen = await shelf.token(), await shelf.token("user:2"), await shelf.token("user:3")
    alone, double = await shelf.watched(old, "alone"), await shelf.watched(old, "double", user=1)
    theirs, next_door = await shelf.watched(old, "alone", THERE), await shelf.watched(old, "alone", channel=HERE + 11)
    stopped = await shelf.watched(old, "stopped")
    await shelf.end(stopped, None)
    kept = await shelf.watched(seen, "double", user=2)
    twice = await shelf.watched(other, "alone")
    async with database.transaction() as tx:
        targets = {jobid: await jobs.add(tx, seen, jobid, "{}", NOW) for jobid in ("alone", "double", "stopped")}
        for target in targets.values():
            await moves.to_job(tx, target.id, HERE, HERE + 10, NOW)
    assert (await shelf.job(alone)).id == targets["alone"].id
    assert [await shelf.is_open(one) for one in (alone, twice, double, kept)] == [True, False, False, True]
    assert {one.user_id for one in await subscriptions.subscribers(database.reader, kept)} == {1, 2}
    for untouched in (theirs, next_door, stopped):
        assert (await shelf.job(untouched)).account_id == old
