from __future__ import annotations

import pytest

from model.job import Outcome
from model.states import DeliveryKind, DeliveryState, Origin
from storage import batches, deliveries, delivery_queries, jobs, overviews, subscriptions
from storage.database import Database, Transaction
from storage.errors import StorageError

GUILD, CHANNEL = 7, 70


@pytest.fixture
async def two_jobs(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run("INSERT INTO accounts (id, account_key, state_since) VALUES (1, 'user:1', 0), (2, 'user:2', 0)")
        await jobs.add(tx, 1, "job-1", None, 10)
        await jobs.add(tx, 1, "job-2", None, 10)


async def _add(tx: Transaction, job_id: int, channel_id: int = CHANNEL, batch_id: int | None = None) -> int:
    return await subscriptions.add(
        tx, job_id=job_id, guild_id=GUILD, channel_id=channel_id, batch_id=batch_id, spoiler=True, now=5
    )


@pytest.mark.usefixtures("two_jobs")
async def test_one_subscription_for_each_job_and_channel(database: Database) -> None:
    async with database.transaction() as tx:
        await _add(tx, 1)
        await _add(tx, 1, CHANNEL + 1)
    with pytest.raises(StorageError):
        async with database.transaction() as tx:
            await _add(tx, 1)
    row = await subscriptions.in_channel(database.reader, 1, CHANNEL)
    assert row == subscriptions.SubscriptionRow(1, 1, GUILD, CHANNEL, None, True, 5, None, None, Origin.ASKED)
    assert await subscriptions.in_channel(database.reader, 2, CHANNEL) is None


@pytest.mark.usefixtures("two_jobs")
async def test_a_subscription_stopped_ended_and_reopened(database: Database) -> None:
    async with database.transaction() as tx:
        subscription_id = await _add(tx, 1)
        await subscriptions.stop(tx, subscription_id, 33, 8)
        await subscriptions.end(tx, subscription_id, 9)
        await subscriptions.stop(tx, subscription_id, 34, 9)
        stopped = await subscriptions.by_id(tx, subscription_id)
        assert stopped is not None
        assert (stopped.ended_at, stopped.stopped_by) == (8, 33)
        await tx.run("UPDATE subscriptions SET shown_at = 4, card_final = TRUE")
        await subscriptions.reopen(tx, subscription_id, batch_id=None, spoiler=False, now=20)
        reopened = await subscriptions.by_id(tx, subscription_id)
        assert reopened is not None
        assert (reopened.ended_at, reopened.stopped_by, reopened.created_at, reopened.spoiler) == (
            None,
            None,
            20,
            False,
        )
        shown = await tx.one("SELECT shown_at, card_final FROM subscriptions")
        assert shown is not None
        assert tuple(shown) == (deliveries.ASKED_AGAIN, 0)


@pytest.mark.usefixtures("two_jobs")
async def test_subscribers_and_open_counts(database: Database) -> None:
    async with database.transaction() as tx:
        one = await _add(tx, 1)
        two = await _add(tx, 2)
        await subscriptions.put_subscriber(tx, one, 5, mention=True, in_batch=True, now=2)
        await subscriptions.put_subscriber(tx, one, 4, mention=False, in_batch=False, now=3)
        await subscriptions.put_subscriber(tx, one, 5, mention=False, in_batch=False, now=9)
        await subscriptions.put_subscriber(tx, two, 5, mention=True, in_batch=False, now=9)
        assert await subscriptions.subscribers(tx, one) == [
            subscriptions.Subscriber(5, mention=False, in_batch=False),
            subscriptions.Subscriber(4, mention=False, in_batch=False),
        ]
        assert await subscriptions.count_open_of_person(tx, 5) == 2
        assert await subscriptions.count_open_of_guild(tx, GUILD) == 2
        await subscriptions.end(tx, two, 10)
        assert await subscriptions.count_open_of_person(tx, 5) == 1
        assert await subscriptions.count_open_of_guild(tx, GUILD) == 1
        assert await subscriptions.count_open_of_guild(tx, GUILD + 1) == 0
        assert await subscriptions.set_mention(tx, one, 4, True)
        assert not await subscriptions.set_mention(tx, one, 99, True)
        await subscriptions.remove_subscriber(tx, one, 5)
        assert await subscriptions.subscribers(tx, one) == [subscriptions.Subscriber(4, mention=True, in_batch=False)]
        await subscriptions.reopen(tx, one, batch_id=None, spoiler=False, now=11)
        assert await subscriptions.subscribers(tx, one) == []


@pytest.mark.usefixtures("two_jobs")
async def test_subscriptions_by_job_id_in_any_account_open_ones_first(database: Database) -> None:
    async with database.transaction() as tx:
        await jobs.add(tx, 2, "job-1", None, 1)
        first = await _add(tx, 1)
        second = await _add(tx, 3)
        await _add(tx, 2)
        await subscriptions.end(tx, second, 4)
    found = await subscriptions.in_channel_by_jobid(database.reader, GUILD, CHANNEL, "job-1")
    assert [row.id for row in found] == [first, second]
    assert await subscriptions.in_channel_by_jobid(database.reader, GUILD + 1, CHANNEL, "job-1") == []


@pytest.mark.usefixtures("two_jobs")
async def test_what_was_on_hold_at_the_end(database: Database) -> None:
    async with database.transaction() as tx:
        await _add(tx, 1)
        await _add(tx, 2)
        assert await subscriptions.accounts_with_held(tx) == []
        await jobs.end(tx, 2, Outcome.FAILED, 9)
    assert await subscriptions.accounts_with_held(database.reader) == [1]
    assert await subscriptions.ended_jobs_with_open(database.reader, 1) == [2]
    assert await subscriptions.ended_jobs_with_open(database.reader, 2) == []


@pytest.mark.usefixtures("two_jobs")
async def test_a_batch_ends_once_with_its_last_subscription(database: Database) -> None:
    async with database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=3, mention=False, now=1)
        one, two = await _add(tx, 1, batch_id=batch_id), await _add(tx, 2, batch_id=batch_id)
        assert [row.id for row in await subscriptions.open_of_batch(tx, batch_id)] == [one, two]
        await subscriptions.end(tx, one, 5)
        assert not await batches.end_if_done(tx, batch_id, 5)
        await subscriptions.stop(tx, two, 3, 6)
        assert await batches.end_if_done(tx, batch_id, 6)
        assert not await batches.end_if_done(tx, batch_id, 7)
    assert await batches.by_id(database.reader, batch_id) == batches.BatchRow(batch_id, GUILD, CHANNEL, 3, False, 1, 6)
    assert await batches.by_id(database.reader, batch_id + 1) is None


@pytest.mark.usefixtures("two_jobs")
async def test_a_batch_pings_its_owner_as_long_as_they_wait_for_one_of_its_open_jobs(database: Database) -> None:
    async def pings() -> bool:
        batch = await batches.by_id(tx, batch_id)
        return batch is not None and batch.mention

    async with database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=3, mention=False, now=1)
        one, two = await _add(tx, 1, batch_id=batch_id), await _add(tx, 2, batch_id=batch_id)
        for number in (one, two):
            await subscriptions.put_subscriber(tx, number, 3, mention=True, in_batch=True, now=1)
        await batches.ping(tx, batch_id, 4)
        assert not await pings()
        await batches.ping(tx, batch_id, 3)
        assert await pings()
        await subscriptions.remove_subscriber(tx, one, 3)
        for person in (3, 4):
            await batches.leave(tx, batch_id, person)
            assert await pings()
        await subscriptions.remove_subscriber(tx, two, 3)
        await batches.leave(tx, batch_id, 4)
        assert await pings()
        await batches.leave(tx, batch_id, 3)
        assert not await pings()


async def test_an_empty_batch_can_be_removed(database: Database) -> None:
    async with database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=3, mention=True, now=1)
        await batches.remove(tx, batch_id)
    assert await batches.by_id(database.reader, batch_id) is None


async def _outcome(tx: Transaction, kind: DeliveryKind, job_round: int, state: str, message_id: int | None) -> None:
    delivery_id = await deliveries.add_outcome(
        tx,
        subscription_id=1,
        kind=kind,
        job_round=job_round,
        guild_id=GUILD,
        channel_id=CHANNEL,
        base_nonce=f"nonce-{kind}-{job_round}",
        closes_batch=False,
        now=1,
    )
    await tx.run("UPDATE deliveries SET state = ?, message_id = ? WHERE id = ?", (state, message_id, delivery_id))


@pytest.mark.usefixtures("two_jobs")
async def test_the_outcome_s_message_is_the_latest_one_that_exists(database: Database) -> None:
    async with database.transaction() as tx:
        await _add(tx, 1)
        assert await delivery_queries.outcome_message(tx, 1, 0) is None
        await _outcome(tx, DeliveryKind.OUTCOME, 0, "given_up", None)
        assert await delivery_queries.outcome_message(tx, 1, 0) is None
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 5")
        assert await delivery_queries.outcome_message(tx, 1, 0) == delivery_queries.OutcomeMessage(
            DeliveryState.POSTED, 5
        )
        await _outcome(tx, DeliveryKind.AGAIN, 9, "waiting", None)
        assert await delivery_queries.outcome_message(tx, 1, 0) == delivery_queries.OutcomeMessage(
            DeliveryState.POSTED, 5
        )
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 6 WHERE kind = 'again' AND round = 9")
        assert await delivery_queries.outcome_message(tx, 1, 0) == delivery_queries.OutcomeMessage(
            DeliveryState.POSTED, 6
        )
        assert await delivery_queries.outcome_message(tx, 1, 1) is None
    expected = delivery_queries.OutcomeAddress(1, GUILD, CHANNEL, watched_since=5)
    assert await delivery_queries.outcome_address(database.reader, "nonce-again-9") == expected
    assert await delivery_queries.outcome_address(database.reader, "nonce-card") is None


@pytest.mark.usefixtures("two_jobs")
async def test_a_subscription_is_shown_by_its_card_or_its_batch_s_summary(database: Database) -> None:
    async with database.transaction() as tx:
        batch_id = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=3, mention=False, now=1)
        alone, batched = await _add(tx, 1), await _add(tx, 2, batch_id=batch_id)
        where = {"guild_id": GUILD, "channel_id": CHANNEL, "now": 1}
        await deliveries.add_card(tx, subscription_id=alone, base_nonce="card", **where)
        await deliveries.add_summary(tx, batch_id=batch_id, base_nonce="summary", **where)
        assert await overviews.shown_in(tx, alone) is None
        await tx.run("UPDATE deliveries SET state = 'posted', message_id = 100 + id")
    assert await overviews.shown_in(database.reader, alone) == 101
    assert await overviews.shown_in(database.reader, batched) == 102
    assert [await overviews.shown_by(database.reader, one) for one in (alone, batched)] == [1, 2]
    listed = await overviews.open_here(database.reader, GUILD, CHANNEL, 3)
    assert [(row.job_id, row.message_id, row.mine) for row in listed] == [(1, 101, False), (2, 102, False)]


@pytest.mark.usefixtures("two_jobs")
async def test_a_job_that_several_channels_wait_for_counts_once(database: Database) -> None:
    async with database.transaction() as tx:
        await jobs.add(tx, 2, "job-3", None, 10)
        for job_id, channel_id in ((1, CHANNEL), (1, 71), (2, CHANNEL), (3, CHANNEL), (3, 71)):
            await _add(tx, job_id, channel_id)
    assert await overviews.watching_in_server(database.reader, GUILD, 1) == overviews.WatchingInServer(3, 5, 1)
