from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model import snapshots
from model.job import Job, JobState, Media, Outcome
from model.states import CardStatus
from storage import batches, jobs, servers, subscriptions
from tests.relay.outbox_fixture import GUILD, OutboxFixture

CHANNEL = 77


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db")
    await made.start()
    await made.account()
    yield made
    await made.stop()


async def test_a_card_in_a_server_without_the_bot_is_left_as_it_is(world: OutboxFixture) -> None:
    subscription = await world.watch("job", CHANNEL)
    async with world.database.transaction() as tx:
        await servers.set_gone(tx, GUILD, 1)
    away = await world.posts.card(subscription)
    async with world.database.transaction() as tx:
        await servers.set_back(tx, GUILD, 0)
    back = await world.posts.card(subscription)
    assert away is not None
    assert away.post is None
    assert back is not None
    assert back.post is not None


async def test_an_end_in_other_servers_is_not_shown_while_a_job_is_on_hold(world: OutboxFixture) -> None:
    async with world.database.transaction() as tx:
        batch = await batches.add(tx, guild_id=GUILD, channel_id=CHANNEL, user_id=1, mention=False, now=0)
    subscription = await world.watch("job", CHANNEL, batch_id=batch)
    ended = Job("job", JobState.COMPLETED, "completed", created=1, updated=9, media=(Media("https://x/1.mp4"),))
    async with world.database.transaction() as tx:
        row = await jobs.by_jobid(tx, 1, "job")
        assert row is not None
        await jobs.change(tx, row.id, snapshots.dump(ended), 9)
        await jobs.end(tx, row.id, Outcome.COMPLETED, 9)
    world.in_force = 2
    for status in (CardStatus.OTHER_ACCOUNT, CardStatus.ENDED):
        card, summary = await world.posts.card(subscription), await world.posts.summary(batch, "", "")
        assert card is not None
        assert summary is not None
        for post in (card.post, summary.entries[0]):
            assert post is not None
            assert (post.status, post.outcome) == (status, None)
            assert post.job == Job("job", JobState.STARTED, "started", created=1)
        async with world.database.transaction() as tx:
            await subscriptions.end(tx, subscription, 10)
