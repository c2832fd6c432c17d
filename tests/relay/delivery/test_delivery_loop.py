from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from model.job import Job, JobState, Outcome
from model.messages import Address, NoResponse, NoticePost, Post, Refused, SendResult
from model.states import DeliveryKind, NoticeKind, Reason
from relay.accounts.account_registry import AccountRegistry
from relay.delivery import notice_json
from relay.delivery.delivery_loop import DeliveryLoop
from relay.guild_lifecycle import GuildLifecycle
from storage import deliveries, delivery_queries, servers
from storage.secret_store import SecretStore, new_key
from tests.clock import ManualClock
from tests.idle import until_idle
from tests.relay.discord_channel import DEAD, FIRST_DAY, Discord
from tests.relay.outbox_fixture import GUILD, OutboxFixture, completed
from tests.relay.relay_fixture import BrokenReader

CHANNEL = 5
OTHER = 6
OTHER_SERVER = 78


class SlowDiscord(Discord):
    """Some channels accept no message until their gate opens."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.gates: dict[int, asyncio.Event] = {}
        self.under_way: list[int] = []
        self.most_at_once = 0

    async def post(self, address: Address, post: Post) -> SendResult:
        self.under_way.append(address.channel_id)
        self.most_at_once = max(self.most_at_once, self.under_way.count(address.channel_id))
        try:
            gate = self.gates.get(address.channel_id)
            if gate is not None:
                await gate.wait()
            await asyncio.sleep(0)
            return await super().post(address, post)
        finally:
            self.under_way.remove(address.channel_id)


class DeliveryLoopFixture(OutboxFixture):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.slow = SlowDiscord(self.clock)
        self.discord = self.slow

    async def begin(self, parallel: int = 16, *, one_of_several: bool = False) -> None:
        await self.start()
        await self.account()
        sender = self.another_sender if one_of_several else self.sender
        self.outbox = DeliveryLoop(self.database, sender, self.clock, parallel=parallel, grace=0.2)
        self.changes.deliveries_added.listen(self.outbox.wake)
        secret_store = await SecretStore.open(self.database, [new_key()])
        accounts = AccountRegistry(
            self.database, secret_store, self.clock, self.changes, recheck_seconds=300.0, operator_token=None
        )
        self.guilds = GuildLifecycle(self.database, accounts, self.changes, self.clock)
        self.task = asyncio.create_task(self.outbox.run())

    async def finish(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.stop()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[DeliveryLoopFixture]:
    made = DeliveryLoopFixture(tmp_path / "relay.db", clock=ManualClock(FIRST_DAY, 0.0))
    await made.begin()
    yield made
    await made.finish()


async def until(truth: Callable[[], Awaitable[bool]] | Callable[[], bool]) -> None:
    for _ in range(1000):
        found = truth()
        if found if isinstance(found, bool) else await found:
            return
        await until_idle()
    raise AssertionError("it does not happen by itself")


async def test_a_hanging_channel_delays_no_other(world: DeliveryLoopFixture) -> None:
    world.slow.gates[CHANNEL] = asyncio.Event()
    for channel in (CHANNEL, OTHER):
        await world.watch("job", channel)
    await world.end(completed("job", 0))
    world.outbox.wake()

    await until(lambda: len(world.discord.outcomes(OTHER)) == 1)
    assert world.discord.outcomes(CHANNEL) == []
    world.slow.gates[CHANNEL].set()
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)


async def test_a_channel_gets_one_message_at_a_time_outcomes_first(world: DeliveryLoopFixture) -> None:
    gate = world.slow.gates[CHANNEL] = asyncio.Event()
    await world.watch("first", CHANNEL, card=True)
    world.outbox.wake()
    await until(lambda: world.slow.under_way == [CHANNEL])
    await world.watch("card", CHANNEL, card=True)
    await world.watch("ended", CHANNEL)
    await world.end(completed("ended"))
    world.outbox.wake()
    gate.set()

    await until(lambda: len(world.discord.messages) == 3)
    assert [type(message.post).__name__ for message in world.discord.messages] == [
        "CardPost",
        "OutcomePost",
        "CardPost",
    ]
    assert world.slow.most_at_once == 1


async def _failed_jobs(world: DeliveryLoopFixture, channel_id: int, number: int = 1, guild_id: int = GUILD) -> None:
    for place in range(number):
        name = f"failed {channel_id} {place}"
        await world.watch(name, channel_id, guild_id=guild_id)
        await world.end(Job(name, JobState.FAILED, "failed"), Outcome.FAILED)


async def test_a_server_with_many_waiting_channels_delays_no_other_server(world: DeliveryLoopFixture) -> None:
    for channel_id in range(100, 140):
        world.slow.gates[channel_id] = asyncio.Event()
        await _failed_jobs(world, channel_id, number=2)
    world.outbox.wake()
    await until(lambda: len(world.slow.under_way) == 16)
    for channel_id in (CHANNEL, OTHER):
        await _failed_jobs(world, channel_id, number=3, guild_id=OTHER_SERVER)

    world.slow.gates[world.slow.under_way[0]].set()
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == len(world.discord.outcomes(OTHER)) == 3)
    assert len(world.slow.under_way) == 16


async def test_an_outcome_of_a_busy_server_precedes_the_cards_of_others(world: DeliveryLoopFixture) -> None:
    for channel_id in range(100, 116):
        world.slow.gates[channel_id] = asyncio.Event()
        await _failed_jobs(world, channel_id)
    world.outbox.wake()
    await until(lambda: len(world.slow.under_way) == 16)
    await world.watch("card", OTHER, card=True, guild_id=OTHER_SERVER)
    await _failed_jobs(world, CHANNEL)

    world.slow.gates[world.slow.under_way[0]].set()
    await until(lambda: len(world.discord.messages) == 3)
    assert [message.channel_id for message in world.discord.messages[1:]] == [CHANNEL, OTHER]


async def test_a_server_alone_uses_every_place(world: DeliveryLoopFixture) -> None:
    for channel_id in range(100, 140):
        world.slow.gates[channel_id] = asyncio.Event()
        await _failed_jobs(world, channel_id)
    world.outbox.wake()

    await until(lambda: len(world.slow.under_way) == 16)


async def test_slow_videos_of_one_server_delay_no_video_of_another(world: DeliveryLoopFixture) -> None:
    for channel_id in range(100, 150):
        await _jobs_with_slow_videos(world, channel_id, 1)
    world.outbox.wake()
    await until(lambda: len(world.videos.fetched) >= 16)
    await until_idle()
    await world.watch("other", CHANNEL, guild_id=OTHER_SERVER)
    await world.end(completed("other"))
    world.outbox.wake()

    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)


async def test_at_most_thirty_two_results_fetch_their_videos_at_once(world: DeliveryLoopFixture) -> None:
    for number in range(40):
        world.videos.gates[f"slow {number}"] = asyncio.Event()
        await world.watch(f"slow {number}", 100 + number, guild_id=GUILD + number % 4)
        await world.end(completed(f"slow {number}"))
    world.outbox.wake()
    await until(lambda: len(world.videos.fetched) >= 32)
    await until_idle()
    assert len(world.videos.fetched) == 32


async def _jobs_with_slow_videos(world: DeliveryLoopFixture, channel_id: int, number: int) -> list[str]:
    names = [f"slow {channel_id} {place}" for place in range(number)]
    for name in names:
        world.videos.gates[name] = asyncio.Event()
        await world.watch(name, channel_id)
        await world.end(completed(name))
    return names


async def test_a_message_without_files_waits_for_no_download(world: DeliveryLoopFixture) -> None:
    slow = await _jobs_with_slow_videos(world, CHANNEL, 4)
    for name in ("failed", "no video"):
        await world.watch(name, CHANNEL)
    await world.watch("card", CHANNEL, card=True)
    await world.end(Job("failed", JobState.FAILED, "failed"), Outcome.FAILED)
    await world.end(completed("no video", 0))
    world.outbox.wake()

    await until(lambda: len(world.discord.messages) == 3)
    assert {post.jobid for post in world.discord.outcomes(CHANNEL)} == {"failed", "no video"}
    for name in slow:
        world.videos.gates[name].set()
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 6)
    await until(lambda: world.videos.held == 0)
    assert world.slow.most_at_once == 1
    assert len(world.discord.tried) == 7


async def test_a_slow_video_lets_the_next_one_pass_and_no_channel_uses_every_slot(world: DeliveryLoopFixture) -> None:
    first, *others = await _jobs_with_slow_videos(world, CHANNEL, 4)
    world.outbox.wake()
    await until(lambda: len(world.videos.fetched) == 2)
    await until_idle()
    assert [job.jobid for job in world.videos.fetched] == [first, others[0]]

    for name in others:
        world.videos.gates[name].set()
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 3)
    assert first not in [post.jobid for post in world.discord.outcomes(CHANNEL)]


async def test_slow_videos_in_many_channels_delay_no_result_without_a_file(world: DeliveryLoopFixture) -> None:
    for channel_id in range(100, 150):
        await _jobs_with_slow_videos(world, channel_id, 1)
    await world.watch("failed", CHANNEL)
    await world.end(Job("failed", JobState.FAILED, "failed"), Outcome.FAILED)
    world.outbox.wake()

    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)
    assert len(world.videos.fetched) < 50


async def test_at_shutdown_a_download_is_left_to_the_next_start(world: DeliveryLoopFixture) -> None:
    name = (await _jobs_with_slow_videos(world, CHANNEL, 1))[0]
    world.outbox.wake()
    await until(lambda: len(world.videos.fetched) == 1)
    world.task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(world.task, return_exceptions=True)
    assert world.outbox.failures == 0

    world.videos.gates[name].set()
    world.renew()
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1


async def test_a_channel_is_deleted_while_a_video_is_downloaded(world: DeliveryLoopFixture) -> None:
    name = (await _jobs_with_slow_videos(world, CHANNEL, 1))[0]
    world.outbox.wake()
    await until(lambda: len(world.videos.fetched) == 1)
    await world.guilds.channel_gone(GUILD, CHANNEL)
    world.videos.gates[name].set()

    await until(lambda: world.videos.held == 0)
    await world.watch("next", OTHER)
    await world.end(completed("next"))
    world.outbox.wake()
    await until(lambda: len(world.discord.outcomes(OTHER)) == 1)
    assert world.discord.outcomes(CHANNEL) == []


async def test_a_deferred_delivery_is_tried_when_it_is_due(world: DeliveryLoopFixture) -> None:
    world.discord.script = [NoResponse()]
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.outbox.wake()
    await until(lambda: len(world.discord.tried) == 1)
    await until_idle()
    assert world.discord.outcomes(CHANNEL) == []

    await until(lambda: _moved(world, 1_000, lambda: len(world.discord.outcomes(CHANNEL)) == 1))


async def _moved(world: DeliveryLoopFixture, ms: int, truth: Callable[[], bool]) -> bool:
    world.clock.advance(ms)
    await until_idle()
    return truth()


async def test_a_clock_set_back_defers_nothing(world: DeliveryLoopFixture) -> None:
    world.discord.script = [NoResponse()]
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.outbox.wake()
    await until(lambda: world.outbox.counts.total() == 1)
    world.clock.jump(-3_600_000)

    await until(lambda: _moved(world, 1_000, lambda: len(world.discord.outcomes(CHANNEL)) == 1))
    assert world.clock.monotonic() < 1_800


@pytest.mark.parametrize("hangs", [True, False], ids=["hangs", "fails"])
async def test_rechecking_for_a_second_message_delays_no_delivery(
    world: DeliveryLoopFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangs: bool
) -> None:
    await world.finish()
    world.place = tmp_path / "another.db"
    await world.begin(one_of_several=True)
    await world.watch("taken over", CHANNEL)
    (delivery_id,) = await world.end(completed("taken over", 0))
    async with world.database.transaction() as tx:
        row = await world.get(delivery_id)
        assert await deliveries.claim(tx, row, world.clock.now(), None, "of one that is halted") is not None
    world.outbox.wake()
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)

    looked = asyncio.Event()

    async def copies(*_: object) -> tuple[int, ...]:
        looked.set()
        if hangs:
            await asyncio.Event().wait()
        raise RuntimeError

    monkeypatch.setattr(world.discord, "copies", copies)
    world.clock.advance(600_000)
    world.outbox.wake()
    await until(looked.is_set)
    await world.watch("next", OTHER)
    await world.end(completed("next", 0))
    world.outbox.wake()
    await until(lambda: len(world.discord.outcomes(OTHER)) == 1)


async def test_a_delivery_that_always_fails_stops_neither_its_channel_nor_the_loop(world: DeliveryLoopFixture) -> None:
    def fail() -> None:
        raise OSError(28, "No space left on device")

    world.videos.on_fetch = fail
    await world.watch("video", CHANNEL)
    await world.watch("none", CHANNEL)
    await world.end(completed("video"))
    await world.end(completed("none", 0))
    world.outbox.wake()

    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)
    assert world.outbox.failures >= 1
    world.videos.on_fetch = lambda: None
    await until(lambda: _moved(world, 1_000, lambda: len(world.discord.outcomes(CHANNEL)) == 2))


async def test_after_our_own_error_the_simplest_form_is_tried(world: DeliveryLoopFixture) -> None:
    def fail() -> None:
        raise ValueError("nobody foresaw this")

    world.videos.on_fetch = fail
    await world.watch("job", CHANNEL)
    delivery_id = (await world.end(completed("job")))[0]
    world.outbox.wake()

    await until(lambda: _moved(world, 1_000, lambda: len(world.discord.outcomes(CHANNEL)) == 1))
    assert world.clock.monotonic() < 120
    post = world.discord.outcomes(CHANNEL)[0]
    assert (post.without_api_text, post.files, [link.index for link in post.links]) == (True, (), [1])
    await until(lambda: _is(world, delivery_id, "posted"))


@pytest.mark.parametrize(
    ("place", "state", "reason"),
    [("may_attach", "given_up", Reason.FAULT), ("post", "unsure", Reason.CANNOT_LOOK)],
    ids=["before it is sent", "while it is sent"],
)
async def test_if_every_form_fails_the_result_is_reported_as_not_posted(
    world: DeliveryLoopFixture, monkeypatch: pytest.MonkeyPatch, place: str, state: str, reason: Reason
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(world.discord, place, fail)
    await world.watch("job", CHANNEL)
    delivery_id = (await world.end(completed("job")))[0]
    world.outbox.wake()

    async def settled() -> bool:
        return await _moved(world, 2_000, lambda: True) and await _is(world, delivery_id, state)

    await until(settled)
    assert (await world.get(delivery_id)).reason == reason
    assert world.outbox.failures == 10


async def _is(world: DeliveryLoopFixture, delivery_id: int, state: str) -> bool:
    return (await world.get(delivery_id)).state == state


async def test_an_unreadable_database_is_read_again(world: DeliveryLoopFixture) -> None:
    whole = world.database.reader

    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.database.reader = BrokenReader()
    world.outbox.wake()
    await until(lambda: world.outbox.failures > 0)
    world.database.reader = whole

    await until(lambda: _moved(world, 1_000, lambda: len(world.discord.outcomes(CHANNEL)) == 1))


async def test_a_refused_bot_token_is_reported(world: DeliveryLoopFixture) -> None:
    world.discord.script = [Refused(401, 0)]
    await world.watch("job", CHANNEL)
    await world.end(completed("job"))
    world.outbox.wake()

    async with asyncio.timeout(5):
        await world.outbox.token_dead.wait()


# ---- at once --------------------------------------------------------------------------------------------------------


async def _card(world: DeliveryLoopFixture, jobid: str) -> int:
    subscription_id = await world.watch(jobid, CHANNEL, card=True)
    card = await delivery_queries.of_subscription(world.database.reader, subscription_id, DeliveryKind.CARD)
    assert card is not None
    return card.id


async def test_a_card_requested_at_once_is_posted_once_even_if_the_loop_has_it(world: DeliveryLoopFixture) -> None:
    card_id = await _card(world, "job")
    world.outbox.wake()
    one, other = await asyncio.gather(world.outbox.deliver_now(card_id, 5.0), world.outbox.deliver_now(card_id, 5.0))

    assert one == other == world.discord.messages[0].id
    assert len(world.discord.tried) == 1


async def test_nothing_is_sent_early_once_the_loop_has_ended(world: DeliveryLoopFixture) -> None:
    card_id = await _card(world, "job")
    world.task.cancel()
    await asyncio.gather(world.task, return_exceptions=True)

    assert await world.outbox.deliver_now(card_id, 5.0) is None
    assert world.discord.tried == []


async def test_nothing_waits_once_the_bot_token_is_refused(world: DeliveryLoopFixture) -> None:
    card_id = await _card(world, "job")
    world.sender.token_dead = True
    async with asyncio.timeout(2):
        assert await world.outbox.deliver_now(card_id, 60.0) is None


async def test_what_cannot_be_posted_in_time_is_posted_later(world: DeliveryLoopFixture) -> None:
    gate = world.slow.gates[CHANNEL] = asyncio.Event()
    card_id = await _card(world, "job")

    assert await world.outbox.deliver_now(card_id, 0.02) is None
    gate.set()
    await until(lambda: len(world.discord.messages) == 1)


async def test_a_failed_or_refused_early_post_is_left_to_the_loop(world: DeliveryLoopFixture) -> None:
    world.discord.script = [NoResponse()]
    card_id = await _card(world, "job")

    assert await world.outbox.deliver_now(card_id, 5.0) is None
    assert await world.outbox.deliver_now(9999, 5.0) is None


async def test_an_early_post_is_left_to_the_loop_if_the_database_cannot_be_read(world: DeliveryLoopFixture) -> None:
    card_id = await _card(world, "job")
    reader, world.database.reader = world.database.reader, BrokenReader()
    assert await world.outbox.deliver_now(card_id, 5.0) is None
    world.database.reader = reader


# ---- the end and what happens in Discord ----------------------------------------------------------------------------


async def test_at_shutdown_a_post_under_way_is_finished(world: DeliveryLoopFixture) -> None:
    gate = world.slow.gates[CHANNEL] = asyncio.Event()
    await world.watch("job", CHANNEL)
    await world.end(completed("job", 0))
    world.outbox.wake()
    await until(lambda: world.slow.under_way == [CHANNEL])
    world.task.cancel()
    await until_idle()
    gate.set()
    with suppress(asyncio.CancelledError):
        await world.task
    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert not await world.unsettled()


async def test_at_shutdown_a_hanging_post_is_left_to_the_next_start(tmp_path: Path) -> None:
    world = DeliveryLoopFixture(tmp_path / "relay.db", clock=ManualClock(FIRST_DAY, 0.0))
    await world.begin()
    world.slow.gates[CHANNEL] = asyncio.Event()
    await world.watch("job", CHANNEL)
    delivery_id = (await world.end(completed("job")))[0]
    world.outbox.wake()
    await until(lambda: world.slow.under_way == [CHANNEL])
    world.task.cancel()
    ended, _ = await asyncio.wait([world.task], timeout=20)
    assert ended

    assert (await world.get(delivery_id)).state == "sending"
    world.slow.gates.clear()
    world.renew()
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


async def test_a_deleted_channel_gets_nothing_more_and_admins_are_told_once(world: DeliveryLoopFixture) -> None:
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, OTHER)
    world.discord.script = [Refused(403, 50001)]
    await world.watch("ended", CHANNEL)
    delivery_id = (await world.end(completed("ended")))[0]
    await world.watch("open", CHANNEL)
    world.outbox.wake()
    await until(lambda: len(world.discord.tried) >= 1)
    for _ in range(2):
        await world.guilds.channel_gone(GUILD, CHANNEL, "videos")

    delivery = await world.get(delivery_id)
    assert (delivery.state, delivery.reason) == ("given_up", "channel gone")
    row = await world.database.reader.one("SELECT count(*) AS n FROM subscriptions WHERE ended_at IS NULL")
    assert row is not None
    assert row["n"] == 0

    def told() -> list[NoticePost]:
        return [message.post for message in world.discord.messages if isinstance(message.post, NoticePost)]

    await until(lambda: any(notice.channel_name == "videos" for notice in told()))
    assert [notice.jobs for notice in told() if notice.channel_name == "videos"] == [2]


async def test_a_token_notice_for_a_deleted_alerts_channel_goes_to_a_channel_that_waits(
    world: DeliveryLoopFixture,
) -> None:
    # Before its first turn, the loop would take a deferred delivery as a sign of a clock that was set back.
    await until(lambda: world.clock.earliest() is not None)
    await world.watch("open", CHANNEL)
    async with world.database.transaction() as tx:
        await servers.set_alerts_channel(tx, GUILD, OTHER)
        for kind in (NoticeKind.TOKEN_REFUSED, NoticeKind.CANNOT_POST):
            await deliveries.add_notice(
                tx,
                guild_id=GUILD,
                channel_id=OTHER,
                base_nonce=kind.value,
                notice_json=notice_json.dump(NoticePost(kind=kind, nonce="")),
                now=world.clock.now() + 3_600_000,
            )
    await world.guilds.channel_gone(GUILD, OTHER, "alerts")

    def told() -> list[tuple[int, NoticeKind]]:
        posted = [(one.channel_id, one.post) for one in world.discord.messages]
        return [(channel_id, post.kind) for channel_id, post in posted if isinstance(post, NoticePost)]

    await until(lambda: bool(told()))
    assert told() == [(CHANNEL, NoticeKind.TOKEN_REFUSED)]
    server = await servers.get(world.database.reader, GUILD)
    assert server is not None
    assert server.alerts_channel is None


async def test_a_permission_change_sends_waiting_results_at_once(world: DeliveryLoopFixture) -> None:
    world.discord.script = [Refused(403, 50001)]
    await world.watch("job", CHANNEL)
    delivery_id = (await world.end(completed("job")))[0]
    world.outbox.wake()

    async def blocked() -> bool:
        return (await world.get(delivery_id)).blocked_since is not None

    await until(blocked)
    await world.guilds.permissions_changed(GUILD, OTHER)
    await until_idle()
    assert world.discord.outcomes(CHANNEL) == []
    await world.guilds.permissions_changed(GUILD)
    await until(lambda: len(world.discord.outcomes(CHANNEL)) == 1)


async def test_nothing_stays_in_memory_of_a_delivery_that_ends_with_its_channel(world: DeliveryLoopFixture) -> None:
    await world.watch("job", CHANNEL, users=(9,))
    [delivery_id] = await world.end(completed("job"))
    world.slow.script = [DEAD]
    world.outbox.wake()
    await until(lambda: world.outbox.counts.total() == 1)
    assert delivery_id in world.sender.remembered
    await world.guilds.channel_gone(GUILD, CHANNEL, "gone")

    async def forgotten_within_a_minute() -> bool:
        world.clock.advance(61_000)
        world.outbox.wake()
        return not world.sender.remembered

    await until(forgotten_within_a_minute)
