from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from model.job import Job
from model.messages import CardPost, NoticePost, SummaryPost, VideoFile, VideoLink
from model.states import CardStatus
from relay.commands.forgetting import Forgetting
from storage import deliveries, subscriptions
from tests.clock import ManualClock
from tests.relay.cards.test_card_loop import CardLoopFixture
from tests.relay.discord_channel import FIRST_DAY
from tests.relay.outbox_fixture import GUILD, OutboxFixture, completed

CHANNEL, ME, OTHER = 5, 9, 8


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[OutboxFixture]:
    made = OutboxFixture(tmp_path / "relay.db")
    await made.start()
    await made.account()
    yield made
    await made.stop()


def forgetting(world: OutboxFixture) -> Forgetting:
    return Forgetting(world.database, world.changes)


async def test_the_result_is_posted_and_pings_only_the_others(world: OutboxFixture) -> None:
    await world.watch("job", CHANNEL, users=(ME, OTHER))
    await world.end(completed("job"))
    await forgetting(world).forget(ME)
    await world.pump()
    (post,) = world.discord.outcomes(CHANNEL)
    assert post.mention == (OTHER,)


async def test_a_batch_ends_without_a_ping(world: OutboxFixture) -> None:
    batch_id = await world.batch(CHANNEL, ME)
    subscription_id = await world.watch("job", CHANNEL, batch_id=batch_id, users=(ME,))
    await world.end(completed("job"), closes=(subscription_id,))
    await forgetting(world).forget(ME)
    await world.pump()
    (post,) = world.discord.outcomes(CHANNEL)
    assert post.batch is not None
    assert (post.mention, post.batch.mention) == ((), ())


async def test_a_result_whose_video_is_being_downloaded_pings_nobody_either(world: OutboxFixture) -> None:
    fetch = world.videos.fetch

    @asynccontextmanager
    async def fetch_while_forgetting(job_id: int, job: Job) -> AsyncIterator[tuple[VideoFile | VideoLink, ...]]:
        await forgetting(world).forget(ME)
        async with fetch(job_id, job) as found:
            yield found

    await world.watch("job", CHANNEL, users=(ME,))
    await world.end(completed("job"))
    world.videos.fetch = fetch_while_forgetting  # type: ignore[method-assign]
    await world.pump()
    (post,) = world.discord.outcomes(CHANNEL)
    assert post.mention == ()
    assert len(post.files) == 1


async def test_the_card_of_a_job_they_stopped_names_nobody(world: OutboxFixture) -> None:
    subscription_id = await world.watch("job", CHANNEL, users=(ME,), card=True)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription_id, ME, world.clock.now())
    await forgetting(world).forget(ME)
    view = await world.posts.card(subscription_id)
    assert view is not None
    assert view.post is not None
    assert (view.post.status, view.post.stopped_by) == (CardStatus.STOPPED, None)


@pytest.fixture
async def cards(tmp_path: Path) -> AsyncIterator[CardLoopFixture]:
    made = CardLoopFixture(tmp_path / "relay.db", clock=ManualClock(FIRST_DAY, 0.0))
    await made.begin()
    yield made
    await made.halt()
    await made.stop()


@pytest.mark.parametrize("after_a_restart", [False, True])
async def test_open_cards_and_summaries_no_longer_show_the_name(cards: CardLoopFixture, after_a_restart: bool) -> None:
    await cards.watch("job", CHANNEL, users=(ME,), card=True)
    batch_id = await cards.batch(CHANNEL, ME)
    await cards.watch("other", CHANNEL, batch_id=batch_id, users=(ME,))
    async with cards.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=cards.clock.now()
        )
    await cards.pump()
    await cards.rest()
    assert cards.discord.edits == []
    if after_a_restart:
        await cards.halt()
        cards.run()
        await cards.rest()
        assert cards.discord.edits == []

    await Forgetting(cards.database, cards.changes).forget(ME)
    for _ in range(30):
        await cards.move(1000)

    posts = [post for _, post in cards.discord.edits]
    assert {type(post) for post in posts} == {CardPost, SummaryPost}
    assert len(posts) == 2
    assert [post.asker for post in posts if not isinstance(post, NoticePost)] == [None, None]
