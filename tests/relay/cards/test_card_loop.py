from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from model.discord_ids import Shards
from model.job import Job, JobState, Outcome
from model.messages import CardPost, NoResponse, Refused, SummaryPost, TooManyRequests
from model.states import CardStatus, DeliveryKind
from relay.cards.card_edits import CARD_SECONDS, OLD_CARD_SECONDS, YOUNG_CARD_SECONDS, CardEdits, Finished, Key
from relay.cards.card_loop import CardLoop
from relay.cards.card_status import SLOW_AFTER
from relay.cards.edit_queue import CHANNEL_SECONDS, EVERYWHERE_SECONDS
from relay.cluster.ownership import Alone
from storage import batches, card_rows, deletion, deliveries, delivery_queries, servers, subscriptions
from storage.database import Queries
from tests.clock import ManualClock
from tests.idle import until_idle
from tests.relay.discord_channel import FIRST_DAY, LOST
from tests.relay.outbox_fixture import GUILD, OutboxFixture, Points, completed, disk_full

CHANNEL = 5
SECOND = 1000


class CardLoopFixture(OutboxFixture):
    """The cards' loop beside the outbox, which is pumped by hand."""

    async def begin(self) -> None:
        await self.start()
        await self.account()
        self.run()

    def run(self) -> None:
        self.renew()
        self.loop = CardLoop(
            self.database,
            CardEdits(self.database, self.discord, self.posts, self.changes, self.clock),
            self.clock,
            parallel=4,
        )
        self.changes.message_shown.listen(self.loop.message_shown)
        self.changes.subscription_changed.listen(self.loop.subscription_changed)
        self.changes.writes_changed.listen(self.loop.all_changed)
        self.task = asyncio.create_task(self.loop.run())

    async def halt(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def rest(self) -> None:
        """Waits until the loop sleeps."""
        await until_idle()
        assert not self._at_work()

    def _at_work(self) -> bool:
        loop = self.loop
        next_at = loop._due.next_at()
        ready = next_at is not None and next_at <= self.clock.monotonic()
        marked = bool(loop._changes)
        asleep = self.clock.earliest() is not None
        busy = len(loop._tasks) > self.discord.edits_on_their_way
        return bool(busy or marked or ready or loop._woken.is_set() or not asleep)

    async def move(self, ms: int) -> None:
        self.clock.advance(ms)
        await self.rest()

    async def card(self, jobid: str, channel_id: int = CHANNEL) -> int:
        """A posted card, past its first ten seconds."""
        subscription_id = await self.watch(jobid, channel_id, users=(9,), card=True)
        await self.pump()
        await self.move(int(CARD_SECONDS * SECOND))
        return subscription_id

    async def told(self, jobid: str, **changes: object) -> None:
        """Stores a response about a running job."""
        job = replace(Job(jobid, JobState.PROGRESS, "progress", percent=10), **changes)  # type: ignore[arg-type]
        await self.answer(job)
        self.loop.job_changed(1)
        await self.rest()

    async def several_cards(self, count: int) -> None:
        """Posted cards of one channel, past their first ten seconds."""
        for number in range(count):
            await self.watch(f"job-{number}", CHANNEL, card=True)
        await self.pump()
        await self.move(int(CARD_SECONDS * SECOND))

    async def several_told(self, count: int, percent: int = 10) -> None:
        """Stores a response about each job."""
        for number in range(count):
            await self.answer(Job(f"job-{number}", JobState.PROGRESS, "progress", percent=percent))
            self.loop.job_changed(number + 1)
        await self.rest()

    def edits(self) -> list[CardPost]:
        return [post for _, post in self.discord.edits if isinstance(post, CardPost)]

    def statuses(self) -> list[CardStatus]:
        return [post.status for post in self.edits()]

    def percents(self) -> list[int | None]:
        return [post.job.percent if post.job else None for post in self.edits()]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[CardLoopFixture]:
    made = CardLoopFixture(tmp_path / "relay.db", clock=ManualClock(FIRST_DAY, 0.0))
    await made.begin()
    yield made
    await made.halt()
    await made.stop()


async def test_a_card_follows_its_job_at_its_pace_with_the_newest_state(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job", percent=10)
    await world.told("job", percent=20)
    await world.told("job", percent=30)
    assert world.percents() == [10]

    await world.move(4 * SECOND)
    assert world.percents() == [10]
    await world.move(1 * SECOND)
    assert world.percents() == [10, 30]


async def test_an_unchanged_card_is_not_edited(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(20 * SECOND)
    before = await _shown_at(world, subscription_id)
    world.loop.job_changed(1)
    world.loop.subscription_changed(subscription_id)
    world.loop.all_changed()
    await world.move(20 * SECOND)

    assert len(world.edits()) == 1
    assert await _shown_at(world, subscription_id) == before


async def _shown_at(world: OutboxFixture, subscription_id: int) -> int:
    row = await subscriptions_row(world, subscription_id)
    return int(row["shown_at"])


async def subscriptions_row(world: OutboxFixture, subscription_id: int) -> dict[str, int]:
    row = await world.database.reader.one("SELECT * FROM subscriptions WHERE id = ?", (subscription_id,))
    assert row is not None
    return dict(row)


async def test_a_change_that_a_card_does_not_show_costs_no_edit(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job", state=JobState.STARTED, status="started", percent=None)
    await world.move(20 * SECOND)
    before = await _shown_at(world, subscription_id)
    await world.told("job", state=JobState.STARTED, status="started", percent=None, elapsed=5)
    await world.move(20 * SECOND)

    assert world.statuses() == [CardStatus.STARTED]
    assert await _shown_at(world, subscription_id) > before

    await world.halt()
    world.run()
    await world.move(20 * SECOND)
    assert world.statuses() == [CardStatus.STARTED]


async def test_a_card_on_hold_resumes_with_what_was_learned_meanwhile(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job", percent=20)
    await world.move(10 * SECOND)
    world.in_force = 2
    world.loop.account_changed(1)
    await world.move(10 * SECOND)
    await world.told("job", percent=40)
    await world.move(10 * SECOND)
    await world.told("job", percent=70)
    await world.move(10 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS, CardStatus.OTHER_ACCOUNT]

    world.in_force = 1
    world.loop.account_changed(1)
    await world.move(10 * SECOND)
    assert world.statuses()[2:] == [CardStatus.PROGRESS]
    assert world.percents()[-1] == 70


async def test_an_unconfirmed_edit_is_reverted_if_its_news_is_over(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job")
    await world.move(10 * SECOND)
    world.in_force = 2
    world.discord.edit_script = [LOST]
    world.loop.account_changed(1)
    await world.move(10 * SECOND)
    world.in_force = 1
    world.loop.account_changed(1)
    await world.move(60 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS, CardStatus.PROGRESS]

    world.loop.account_changed(1)
    await world.move(60 * SECOND)
    assert len(world.edits()) == 2


async def test_a_card_never_goes_backwards(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job", percent=40)
    await world.move(10 * SECOND)
    await world.told("job", state=JobState.STARTED, status="started", percent=None)
    await world.move(10 * SECOND)
    await world.told("job", percent=30)
    await world.move(10 * SECOND)

    assert set(world.percents()) == {40}


async def test_a_channel_gets_one_edit_in_two_seconds_independent_of_others(world: CardLoopFixture) -> None:
    for place in range(3):
        await world.watch(f"job{place}", CHANNEL, card=True)
    await world.watch("job0", CHANNEL + 1, card=True)
    await world.pump()
    await world.move(int(CARD_SECONDS * SECOND))
    for place in range(3):
        await world.answer(Job(f"job{place}", JobState.STARTED, "started"))
        world.loop.job_changed(place + 1)
    await world.rest()
    await world.move(int(EVERYWHERE_SECONDS * SECOND))
    assert len(world.edits()) == 2

    await world.move(int(CHANNEL_SECONDS * SECOND) - 100)
    assert len(world.edits()) == 2
    await world.move(100)
    assert len(world.edits()) == 3
    await world.move(int(CHANNEL_SECONDS * SECOND))
    assert len(world.edits()) == 4


async def test_discord_gets_edits_two_seconds_apart_however_long_one_takes(world: CardLoopFixture) -> None:
    """A request to a channel waits for the previous one, so an edit may arrive much later than it was started."""
    await world.several_cards(3)
    world.discord.edit_seconds = 3.0
    await world.several_told(3)
    arrived: list[int] = []
    for _ in range(200):
        await world.move(SECOND // 10)
        if len(world.edits()) > len(arrived):
            arrived.append(world.clock.now())
            world.discord.edit_seconds = 0.0
    assert len(world.edits()) == len(arrived) == 3
    gaps = [after - before for before, after in pairwise(arrived)]
    assert min(gaps) >= CHANNEL_SECONDS * SECOND
    assert max(gaps) < CHANNEL_SECONDS * SECOND + 300


async def test_a_card_whose_edit_arrived_late_is_edited_five_seconds_after_that(world: CardLoopFixture) -> None:
    await world.watch("job", CHANNEL, users=(9,), card=True)
    await world.pump()
    await world.move(int(YOUNG_CARD_SECONDS * SECOND))
    world.discord.edit_seconds = 1.5
    await world.told("job", percent=1)
    await world.move(1500)
    assert world.percents() == [1]

    world.discord.edit_seconds = 0.0
    await world.told("job", percent=2)
    await world.move(int(YOUNG_CARD_SECONDS * SECOND) - 100)
    assert world.percents() == [1]
    await world.move(100)
    assert world.percents() == [1, 2]


async def test_many_cards_are_edited_one_after_the_other(world: CardLoopFixture) -> None:
    """This leaves room for outcomes and replies in Discord's global limit."""
    for place in range(20):
        await world.watch("job", CHANNEL + place, card=True)
    await world.pump()
    await world.move(int(CARD_SECONDS * SECOND))
    await world.told("job")
    assert len(world.edits()) == 1

    await world.move(int(10 * EVERYWHERE_SECONDS * SECOND))
    assert len(world.edits()) == 11
    await world.move(int(10 * EVERYWHERE_SECONDS * SECOND))
    assert len(world.edits()) == 20


async def test_a_young_card_is_edited_every_five_seconds_and_an_older_one_every_ten(world: CardLoopFixture) -> None:
    await world.watch("job", CHANNEL, users=(9,), card=True)
    await world.pump()
    await world.told("job", percent=1)
    await world.move(int(YOUNG_CARD_SECONDS * SECOND) - 100)
    assert world.percents() == []
    await world.move(100)
    assert world.percents() == [1]
    await world.told("job", percent=2)
    await world.move(int(YOUNG_CARD_SECONDS * SECOND))
    assert world.percents() == [1, 2]

    await world.move(60 * SECOND)
    await world.told("job", percent=3)
    await world.told("job", percent=4)
    await world.move(int(YOUNG_CARD_SECONDS * SECOND))
    assert world.percents() == [1, 2, 3]
    await world.move(int(CARD_SECONDS * SECOND))
    assert world.percents() == [1, 2, 3, 4]


@pytest.mark.parametrize("tells_time", [True, False])
async def test_an_old_card_is_edited_every_five_minutes(world: CardLoopFixture, tells_time: bool) -> None:
    world.discord.tells_time = tells_time
    await world.card("job")
    await world.told("job", percent=10)
    await world.move(3_700 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS, CardStatus.SLOW]
    await world.move(int(OLD_CARD_SECONDS * SECOND))
    seen = len(world.edits())
    world.api_down_since = world.clock.now()
    world.loop.all_changed()
    await world.rest()
    world.api_down_since = None
    world.loop.all_changed()
    await world.move(int(OLD_CARD_SECONDS * SECOND) - SECOND)
    assert world.statuses()[seen:] == [CardStatus.API_DOWN]
    await world.move(2 * SECOND)
    assert world.statuses()[seen:] == [CardStatus.API_DOWN, CardStatus.SLOW]


async def _is_next_edited_as_an_old_card(world: CardLoopFixture) -> None:
    seen = len(world.edits())
    await world.move(int(OLD_CARD_SECONDS * SECOND) - SECOND)
    assert len(world.edits()) == seen
    await world.move(SECOND)
    assert len(world.edits()) == seen + 1


@pytest.mark.parametrize(("at_first", "then"), [(0, -7_200), (108_000, -108_000)])
async def test_an_old_card_is_old_whatever_the_local_clock_says(
    world: CardLoopFixture, at_first: int, then: int
) -> None:
    """A clock that is ahead when the card is posted, or is set back later, doesn't make the card young again."""
    world.clock.jump(at_first * SECOND)
    await world.card("job")
    await world.told("job", percent=10)
    await world.move(3_700 * SECOND)
    world.clock.jump(then * SECOND)
    await world.move(int(OLD_CARD_SECONDS * SECOND))
    await world.told("job", percent=20)
    await world.told("job", percent=30)
    await _is_next_edited_as_an_old_card(world)


async def test_a_card_posted_while_the_clock_was_ahead_is_old_before_discord_s_first_response(
    world: CardLoopFixture,
) -> None:
    world.discord.tells_time = False
    world.clock.jump(108_000 * SECOND)
    await world.card("job")
    world.clock.jump(-108_000 * SECOND)
    await world.move(3_700 * SECOND)
    await world.halt()
    world.run()
    world.discord.edit_script = [NoResponse()]
    await world.told("job", percent=10)
    assert not world.discord.edit_script
    await _is_next_edited_as_an_old_card(world)


async def test_an_old_card_is_old_without_a_response_while_the_clock_is_behind(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.move(3_700 * SECOND)
    world.clock.jump(-3_690 * SECOND)
    world.discord.edit_script = [NoResponse()]
    await world.told("job", percent=10)
    assert not world.discord.edit_script
    await _is_next_edited_as_an_old_card(world)


async def test_a_card_that_the_bot_learned_of_late_is_not_young(world: CardLoopFixture) -> None:
    world.discord.script = [LOST]
    await world.watch("job", CHANNEL, users=(9,), card=True)
    await world.pump()
    await world.move(90 * SECOND)
    await world.pump()
    assert len(world.discord.messages) == 1
    await world.move(int(YOUNG_CARD_SECONDS * SECOND))
    await world.told("job", percent=10)
    seen = world.percents()
    await world.told("job", percent=20)
    await world.move(int(CARD_SECONDS * SECOND) - 100)
    assert world.percents() == seen
    await world.move(100)
    assert world.percents() == [*seen, 20]


@pytest.mark.parametrize("before", [True, False])
async def test_a_new_card_is_not_old_if_the_local_clock_is_ahead_of_discord_s(
    world: CardLoopFixture, before: bool
) -> None:
    world.clock.jump(7_200 * SECOND * before)
    await world.card("job")
    world.clock.jump(7_200 * SECOND * (not before))
    await world.told("job", percent=10)
    await world.told("job", percent=20, prompt="boat")
    await world.move(int(CARD_SECONDS * SECOND))
    assert world.percents() == [10, 20]


async def test_after_a_quarter_of_an_hour_the_card_says_that_the_job_is_slow(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job")
    await world.move(SLOW_AFTER - 30 * SECOND)
    assert CardStatus.SLOW not in world.statuses()
    await world.move(30 * SECOND)
    assert world.statuses()[-1] is CardStatus.SLOW


async def test_a_clock_that_is_ahead_makes_no_job_slow(world: CardLoopFixture) -> None:
    """The API says by a correct clock when a job was made."""
    made = world.clock.now()
    world.clock.jump(3_600 * SECOND)
    await world.card("job")
    await world.told("job", created=made)
    await world.move(SLOW_AFTER - 30 * SECOND)
    assert CardStatus.SLOW not in world.statuses()
    await world.move(31 * SECOND)
    assert world.statuses()[-1] is CardStatus.SLOW


@pytest.mark.parametrize("tells_time", [True, False])
async def test_after_a_restart_a_job_is_slow_by_discord_s_clock_if_it_is_known(
    world: CardLoopFixture, tells_time: bool
) -> None:
    await world.card("job")
    await world.told("job", created=world.clock.now())
    await world.halt()
    world.clock.jump(3_600 * SECOND)
    world.discord.tells_time = tells_time
    world.run()
    await world.move(60 * SECOND)
    assert (CardStatus.SLOW in world.statuses()) is not tells_time


async def test_the_last_edit_waits_only_for_the_outcome_and_links_to_it(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.rest()
    assert world.statuses() == [CardStatus.PROGRESS]
    await world.pump()
    await world.move(int(CHANNEL_SECONDS * SECOND))

    last = world.edits()[-1]
    assert (last.status, last.outcome, last.outcome_message) == (
        CardStatus.ENDED,
        Outcome.COMPLETED,
        world.discord.messages[-1].id,
    )
    assert (await subscriptions_row(world, subscription_id))["card_final"] == 1
    world.loop.subscription_changed(subscription_id)
    await world.move(60 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS, CardStatus.ENDED]


async def test_what_becomes_of_the_account_after_the_last_edit_is_no_news(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.end(completed("job"))
    await world.pump()
    world.loop.job_changed(1)
    await world.rest()
    assert world.statuses() == [CardStatus.ENDED]
    await world.move(SECOND)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET state = 'refused', state_since = ?", (world.clock.now(),))
    world.loop.subscription_changed(subscription_id)  # As if the token was refused while the card was being edited.
    await world.move(60 * SECOND)
    assert world.statuses() == [CardStatus.ENDED]


async def test_a_video_that_takes_long_is_announced(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.move(2_900)
    assert world.statuses() == []
    await world.move(200)
    assert world.statuses() == [CardStatus.FETCHING]


async def test_a_due_outcome_goes_before_other_cards_of_its_channel(world: CardLoopFixture) -> None:
    await world.watch("job", CHANNEL, card=True)
    await world.watch("other", CHANNEL, card=True)
    await world.pump()
    await world.move(int(CARD_SECONDS * SECOND))
    await world.end(completed("other"))
    await world.told("job")
    await world.move(int(CHANNEL_SECONDS * SECOND))
    assert world.edits() == []
    await world.pump()
    await world.move(10 * SECOND)
    await world.move(int(CHANNEL_SECONDS * SECOND))
    assert CardStatus.PROGRESS in world.statuses()


async def test_cards_delayed_by_an_outcome_are_not_edited_all_at_once(world: CardLoopFixture) -> None:
    await world.several_cards(5)
    await world.watch("other", CHANNEL)
    await world.end(completed("other"))
    await world.several_told(5)
    for _ in range(10):
        await world.move(int(CHANNEL_SECONDS * SECOND))
    assert world.edits() == []
    await world.pump()
    await world.move(int(CHANNEL_SECONDS * SECOND) + 100)
    assert len(world.edits()) in (1, 2)
    await world.move(int(CHANNEL_SECONDS * SECOND))
    assert len(world.edits()) in (2, 3)


async def test_cards_with_posted_outcomes_do_not_wait_for_other_outcomes(world: CardLoopFixture) -> None:
    await world.several_cards(4)
    await world.halt()
    await world.end(completed("job-0"))
    await world.end(completed("job-1"))
    await world.pump()
    await world.end(completed("job-2"))
    world.run()
    await world.rest()
    await world.move(int(CHANNEL_SECONDS * SECOND))
    assert world.statuses() == [CardStatus.ENDED, CardStatus.ENDED]


async def test_last_edits_do_not_wait_for_outdated_progress(world: CardLoopFixture) -> None:
    await world.several_cards(10)
    await world.several_told(10)
    assert len(world.edits()) == 1
    await world.move(1 * SECOND)
    for number in range(10):
        await world.end(completed(f"job-{number}"))
        world.loop.job_changed(number + 1)
    await world.rest()
    await world.move(int(CHANNEL_SECONDS * SECOND))
    await world.pump()
    for _ in range(10):
        await world.move(int(CHANNEL_SECONDS * SECOND))
    assert world.statuses().count(CardStatus.ENDED) == 10


async def test_an_unused_slot_of_a_channel_cannot_be_used_later(world: CardLoopFixture) -> None:
    await world.several_cards(5)
    world.api_down_since = world.clock.now()
    world.loop.all_changed()
    await world.rest()
    await world.move(1 * SECOND)
    world.api_down_since = None
    await world.move(60 * SECOND)
    assert len(world.edits()) == 1

    await world.several_told(5)
    await world.move(int(CHANNEL_SECONDS * SECOND) - 100)
    assert len(world.edits()) == 2


async def test_a_closed_channel_is_named_on_the_card(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.end(completed("job"))
    world.discord.missing[CHANNEL] = ("Send Messages",)
    world.discord.script = [Refused(403, 50001)]
    await world.pump()
    await world.move(10 * SECOND)

    last = world.edits()[-1]
    assert (last.status, last.missing) == (CardStatus.CANNOT_POST, ("Send Messages",))
    assert last.until is not None
    assert last.until > world.clock.now()


async def test_an_account_problem_is_shown_on_its_cards(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job")
    await world.move(10 * SECOND)
    async with world.database.transaction() as tx:
        await tx.run("UPDATE accounts SET state = 'refused', state_since = ?", (world.clock.now(),))
    world.loop.account_changed(1)
    await world.rest()
    assert world.statuses() == [CardStatus.PROGRESS, CardStatus.TOKEN_REFUSED]
    world.in_force = 2
    world.loop.account_changed(1)
    await world.move(10 * SECOND)
    assert world.statuses()[-1] is CardStatus.OTHER_ACCOUNT


async def test_a_stopped_card_comes_back_when_its_job_is_requested_again(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(10 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription_id, 4, world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.rest()
    assert (world.statuses()[-1], world.edits()[-1].stopped_by) == (CardStatus.STOPPED, 4)
    async with world.database.transaction() as tx:
        await subscriptions.reopen(tx, subscription_id, batch_id=None, spoiler=False, now=world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.move(10 * SECOND)
    assert world.statuses()[-1] is CardStatus.PROGRESS
    assert (await subscriptions_row(world, subscription_id))["card_final"] == 0


async def test_a_stopped_card_is_left_alone_when_its_job_ends_for_others(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(10 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription_id, 4, world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.rest()
    edits = len(world.edits())
    await world.move(10 * SECOND)
    await world.told("job", percent=90)
    world.loop.subscription_changed(subscription_id)  # As where the job ended while the card was being edited.
    await world.move(3_700 * SECOND)
    assert len(world.edits()) == edits


@pytest.mark.parametrize("forgets", [False, True])
async def test_a_card_whose_job_is_watched_again_at_once_keeps_its_pace(world: CardLoopFixture, forgets: bool) -> None:
    """Its last edit need not wait, but the one after that must, also if what has ended is forgotten meanwhile."""
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(3_700 * SECOND)
    await world.move(int(OLD_CARD_SECONDS * SECOND))
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription_id, 4, world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.rest()
    assert world.statuses()[-1] is CardStatus.STOPPED
    if forgets:
        await world.loop._edits.forget_ended()
    async with world.database.transaction() as tx:
        await subscriptions.reopen(tx, subscription_id, batch_id=None, spoiler=False, now=world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await _is_next_edited_as_an_old_card(world)


# ---- what Discord says ----------------------------------------------------------------------------------------------


async def test_a_deleted_card_is_forgotten_and_can_be_posted_again(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job")
    await world.move(60 * SECOND)
    await world.told("job", percent=50)
    assert world.edits() == []
    assert await world.card_message(subscription_id) is None

    world.clock.advance(600 * SECOND)
    await _ask_again(world, subscription_id)
    await world.pump()
    assert await world.card_message(subscription_id) == world.discord.messages[-1].id
    assert len(world.discord.messages) == 2


async def _ask_again(world: CardLoopFixture, subscription_id: int) -> None:
    card = await delivery_queries.of_subscription(world.database.reader, subscription_id, DeliveryKind.CARD)
    assert card is not None
    async with world.database.transaction() as tx:
        await deliveries.add_card(
            tx,
            subscription_id=subscription_id,
            guild_id=GUILD,
            channel_id=CHANNEL,
            base_nonce=card.base_nonce,
            now=world.clock.now(),
        )


async def test_a_deleted_card_stays_deleted_if_nobody_requests_its_job_again(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job")
    await world.move(600 * SECOND)
    await world.pump()
    assert len(world.discord.messages) == 1


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_new_card_is_posted_even_if_discord_knows_the_deleted_one_s_nonce(
    world: CardLoopFixture, is_known: bool
) -> None:
    subscription_id = await world.card("job")
    for count in (2, 3):
        world.discord.messages[-1].deleted = True
        world.discord.edit_script = [Refused(404, 10008)]
        async with world.database.transaction() as tx:
            if not is_known:
                await subscriptions.doubt_card(tx, subscription_id)
        await world.told("job", percent=10 * count)
        await world.move(10 * SECOND)
        if is_known:
            await _ask_again(world, subscription_id)
        await world.pump()
        assert len(world.discord.messages) == count
        assert await world.card_message(subscription_id) == world.discord.messages[-1].id
        await world.rest()


async def test_a_new_card_in_place_of_a_deleted_one_is_sent_at_once(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    async with world.database.transaction() as tx:
        await subscriptions.doubt_card(tx, subscription_id)
    woken: list[int] = []
    world.changes.deliveries_added.listen(lambda: woken.append(1))
    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job")
    assert woken


@pytest.mark.parametrize("change", ["another account", "a forgotten person"])
async def test_a_deleted_card_that_something_else_outdates_stays_deleted(world: CardLoopFixture, change: str) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(600 * SECOND)
    await _becomes_outdated(world, change)
    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job", percent=60)
    await world.move(600 * SECOND)
    await world.pump()
    assert await world.card_message(subscription_id) is None
    assert len(world.discord.messages) == 1


@pytest.mark.parametrize("change", ["another account", "a forgotten person"])
async def test_requesting_a_job_again_brings_a_new_card_whatever_else_outdates_the_old_one(
    world: CardLoopFixture, change: str
) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(600 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.doubt_card(tx, subscription_id)
    await _becomes_outdated(world, change)
    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job", percent=60)
    await world.move(600 * SECOND)
    await world.pump()
    assert len(world.discord.messages) == 2


async def _becomes_outdated(world: CardLoopFixture, change: str) -> None:
    async with world.database.transaction() as tx:
        if change == "another account":
            await card_rows.account_changed(tx, None, guild_id=GUILD)
            await card_rows.account_changed(tx, 1, guild_id=GUILD)
        else:
            await deletion.forget_person(tx, 9)


async def test_requesting_a_job_again_brings_a_new_card_if_the_old_one_was_deleted(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(600 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, subscription_id, 4, world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.move(600 * SECOND)
    assert world.statuses()[-1] is CardStatus.STOPPED

    world.discord.edit_script = [Refused(404, 10008)]
    async with world.database.transaction() as tx:
        await subscriptions.reopen(tx, subscription_id, batch_id=None, spoiler=False, now=world.clock.now())
    world.loop.subscription_changed(subscription_id)
    await world.move(10 * SECOND)
    await world.pump()
    assert len(world.discord.messages) == 2
    assert await world.card_message(subscription_id) == world.discord.messages[-1].id

    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job", percent=60)
    await world.move(600 * SECOND)
    await world.pump()
    assert len(world.discord.messages) == 2


async def test_a_refused_edit_pauses_the_card_but_not_the_outcome(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(400, 30046)]
    await world.told("job", percent=10)
    await world.told("job", percent=20)
    await world.move(300 * SECOND)
    assert world.edits() == []
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.pump()
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.move(300 * SECOND)
    await world.move(1_500 * SECOND)
    assert world.statuses() == [CardStatus.ENDED]


@pytest.mark.parametrize(
    "refusal",
    [Refused(403, 50013), Refused(403, 200000), Refused(400, 50083)],
    ids=["no permission", "AutoMod", "archived"],
)
async def test_a_refused_edit_does_not_block_the_last_edit(world: CardLoopFixture, refusal: Refused) -> None:
    await world.card("job")
    world.discord.edit_script = [refusal]
    await world.told("job", percent=10)
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.pump()
    await world.move(10 * SECOND)
    assert world.statuses() == [CardStatus.ENDED]


async def test_an_edit_refused_for_words_is_made_without_them(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(403, 200000)]
    await world.told("job", percent=10)
    await world.move(int(CARD_SECONDS * SECOND))
    await world.told("job", percent=20)
    await world.move(int(CARD_SECONDS * SECOND))
    assert [post.without_api_text for post in world.edits()] == [True, True]


async def test_words_that_are_not_why_an_edit_is_refused_come_back(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(400, 999999)] * 2
    await world.told("job", percent=10)
    await world.move(int(CARD_SECONDS * SECOND))
    assert world.discord.edit_script == []
    for _ in range(8):
        await world.move(300 * SECOND)
    assert [post.without_api_text for post in world.edits()] == [False]


async def test_a_refused_last_edit_is_deferred_as_long_as_any(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(403, 50013), Refused(403, 50013)]
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.pump()
    await world.move(1_700 * SECOND)
    assert len(world.discord.edit_script) == 1
    for _ in range(8):
        await world.move(500 * SECOND)
    assert world.statuses() == [CardStatus.ENDED]


async def test_a_card_deleted_with_its_channel_is_left_alone(world: CardLoopFixture) -> None:
    await world.card("job")
    world.discord.edit_script = [Refused(404, 10003)] * 10
    await world.end(completed("job"))
    world.loop.job_changed(1)
    await world.pump()
    for _ in range(8):
        await world.move(500 * SECOND)
    tries = 10 - len(world.discord.edit_script)
    for _ in range(20):
        await world.move(500 * SECOND)
    assert 10 - len(world.discord.edit_script) == tries


@pytest.mark.parametrize(("answer", "wait"), [(NoResponse(), 30), (TooManyRequests(40.0), 40)])
async def test_an_edit_without_effect_is_repeated(
    world: CardLoopFixture, answer: NoResponse | TooManyRequests, wait: int
) -> None:
    await world.card("job")
    world.discord.edit_script = [answer]
    await world.told("job")
    await world.move((wait - 1) * SECOND)
    assert world.edits() == []
    await world.move(2 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS]


async def test_an_error_on_this_machine_stops_nothing(world: CardLoopFixture) -> None:
    await world.card("job")

    def fail() -> None:
        raise OSError(28, "No space left on device")

    world.discord.point = fail
    await world.told("job")
    assert world.loop.failures == 1
    world.live_on()
    await world.move(31 * SECOND)
    assert world.statuses() == [CardStatus.PROGRESS]


async def test_an_internal_error_is_logged_with_its_location(
    world: CardLoopFixture, caplog: pytest.LogCaptureFixture
) -> None:
    await world.card("job")

    def fail() -> None:
        raise KeyError("a fault")

    world.discord.point = fail
    await world.told("job")
    assert world.loop.failures == 1
    (told,) = [record for record in caplog.records if record.message.startswith("Card 1 could not be edited")]
    assert told.exc_info is not None
    assert told.exc_info[0] is KeyError


async def test_a_last_edit_that_could_not_be_recorded_is_recorded_later(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.end(completed("job"))
    await world.pump()
    world.database.point = Points(1, disk_full)
    world.loop.job_changed(1)
    await world.move(3 * SECOND)
    assert world.loop.failures == 1
    await world.move(31 * SECOND)

    assert world.statuses() == [CardStatus.ENDED]
    assert (await subscriptions_row(world, subscription_id))["card_final"] == 1


async def test_cards_of_a_server_that_moved_to_another_process_are_left_to_it(
    world: CardLoopFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Alone):
        def owns_server(self, guild_id: int) -> bool:
            return False

    await world.card("job")
    monkeypatch.setattr(world.loop._edits, "_ownership", Elsewhere())
    await world.told("job")
    assert world.edits() == []
    assert world.loop._edits._shown == {}, "by the time that it comes back, its card has been edited elsewhere"


# ---- what is kept in memory ------------------------------------------------------------------------------------------


def _remembered(world: CardLoopFixture) -> set[Key]:
    edits = world.loop._edits
    return {*edits._shown, *edits._unanswered, *edits._next_edit, *edits._pauses}


async def _with_summary(world: CardLoopFixture) -> int:
    """A batch of one job and its summary."""
    batch_id = await world.batch(CHANNEL, 9)
    await world.watch("one", CHANNEL, batch_id=batch_id)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    return batch_id


@pytest.mark.parametrize("channel_alone", [True, False])
async def test_nothing_is_kept_of_cards_and_summaries_whose_channel_or_server_is_gone(
    world: CardLoopFixture, *, channel_alone: bool
) -> None:
    batch_id = await _with_summary(world)
    subscription_id = await world.card("job")
    assert _remembered(world) == {Key(DeliveryKind.SUMMARY, batch_id), Key(DeliveryKind.CARD, subscription_id)}
    async with world.database.transaction() as tx:
        if channel_alone:
            await subscriptions.end_in_channel(tx, CHANNEL, world.clock.now())
        else:
            await deletion.forget_server(tx, GUILD)
    for _ in range(2):
        await world.move(3600 * SECOND)
    assert _remembered(world) == set()


async def test_an_open_card_and_summary_stay_in_memory(world: CardLoopFixture) -> None:
    batch_id = await _with_summary(world)
    subscription_id = await world.card("job")
    for _ in range(8):
        await world.move(1800 * SECOND)
    assert {*world.loop._edits._shown} == {Key(DeliveryKind.SUMMARY, batch_id), Key(DeliveryKind.CARD, subscription_id)}


async def test_a_summary_stays_in_memory_until_its_last_outcome_is_posted(world: CardLoopFixture) -> None:
    batch_id = await _with_summary(world)
    await world.end(completed("one"))
    async with world.database.transaction() as tx:
        await batches.end_if_done(tx, batch_id, world.clock.now())
    for _ in range(4):
        await world.move(1800 * SECOND)
    assert {*world.loop._edits._shown} == {Key(DeliveryKind.SUMMARY, batch_id)}


async def test_what_moves_to_another_process_is_forgotten_at_once(
    world: CardLoopFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the card comes back, another process has edited it."""

    class Elsewhere(Alone):
        def shards(self) -> Shards:  # type: ignore[override]
            return Shards(2, (1 - (GUILD >> 22) % 2,))

    await _with_summary(world)
    await world.card("job")
    monkeypatch.setattr(world.loop._edits, "_ownership", Elsewhere())
    world.loop.servers_moved()
    await world.rest()
    assert _remembered(world) == set()


# ---- restart --------------------------------------------------------------------------------------------------------


async def test_at_the_start_only_outdated_cards_are_edited(world: CardLoopFixture) -> None:
    await world.card("same")
    other = await world.card("changed")
    await world.halt()
    world.clock.advance(5 * SECOND)
    await world.answer(Job("changed", JobState.STARTED, "started"))
    world.run()
    await world.move(20 * SECOND)

    assert [(post.subscription_id, post.status) for post in world.edits()] == [(other, CardStatus.STARTED)]


async def test_an_interrupted_last_edit_is_made_at_the_start(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.end(completed("job"))
    await world.halt()
    world.renew()
    await world.pump()
    world.run()
    await world.move(10 * SECOND)

    assert world.statuses() == [CardStatus.ENDED]


async def test_that_the_api_is_down_is_not_remembered_over_a_restart(world: CardLoopFixture) -> None:
    await world.card("job")
    world.api_down_since = world.clock.now()
    world.loop.all_changed()
    await world.rest()
    assert world.statuses() == [CardStatus.API_DOWN]
    await world.halt()
    world.api_down_since = None
    world.run()
    await world.move(20 * SECOND)

    assert world.statuses() == [CardStatus.API_DOWN, CardStatus.NO_ANSWER_YET]


async def test_a_card_becomes_slow_even_after_a_restart(world: CardLoopFixture) -> None:
    await world.card("job")
    await world.told("job")
    await world.halt()
    world.run()
    await world.move(SLOW_AFTER)

    assert world.statuses()[-1] is CardStatus.SLOW


# ---- their language -------------------------------------------------------------------------------------------------


async def test_cards_and_summaries_are_edited_in_their_original_language(world: CardLoopFixture) -> None:
    """Also after a restart, whatever the server's language is then."""
    await _speak(world, "pt-BR")
    await world.card("job")
    batch_id = await world.batch(CHANNEL, 9)
    await world.watch("one", CHANNEL, batch_id=batch_id, users=(9,))
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await _speak(world, "ja")
    await world.halt()
    world.run()
    await world.told("job")
    await world.move(20 * SECOND)
    await world.end(completed("one"))
    await world.pump()
    world.loop.job_changed(2)
    await world.move(20 * SECOND)

    posts = [post for _, post in world.discord.edits]
    assert {type(post) for post in posts} == {CardPost, SummaryPost}
    assert {post.language for post in posts} == {"pt-BR"}


async def _speak(world: CardLoopFixture, language: str) -> None:
    async with world.database.transaction() as tx:
        await servers.set_language(tx, GUILD, language)


# ---- summaries ------------------------------------------------------------------------------------------------------


async def test_a_summary_counts_what_was_stopped(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    watched = [await world.watch(jobid, CHANNEL, batch_id=batch_id, users=(9,)) for jobid in ("one", "two", "three")]
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, watched[-1], 9, world.clock.now())
    await world.end(completed("one"))
    post = await world.posts.summary(batch_id, "", "")
    assert post is not None
    assert (post.done, post.stopped, post.open) == (1, 1, True)


async def test_a_summary_follows_its_jobs(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    last = 0
    for jobid in ("one", "two"):
        last = await world.watch(jobid, CHANNEL, batch_id=batch_id, users=(9,))
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await world.move(10 * SECOND)
    assert world.discord.edits == []
    await world.end(completed("one"))
    await world.pump()
    world.loop.job_changed(1)
    await world.move(10 * SECOND)
    await world.end(completed("two"), closes=(last,))
    await world.pump()
    world.loop.job_changed(2)
    await world.move(10 * SECOND)

    shown = [post for _, post in world.discord.edits if isinstance(post, SummaryPost)]
    assert (shown[0].done, shown[0].open) == (1, True)
    assert (shown[-1].done, shown[-1].open) == (2, False)
    outcomes = [message.id for message in world.discord.messages if type(message.post).__name__ == "OutcomePost"]
    assert [entry.outcome_message for entry in shown[-1].entries] == outcomes
    assert len(shown) == 2

    edits = len(world.discord.edits)
    world.loop.job_changed(1)
    world.loop.subscription_changed(last)
    await world.move(20 * SECOND)
    assert len(world.discord.edits) == edits


async def test_the_summary_of_a_batch_that_had_ended_loses_its_button(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    subscription_id = await world.watch("job", CHANNEL, batch_id=batch_id, users=(9,))
    await world.end(completed("job"), closes=(subscription_id,))
    await world.pump()
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await world.move(10 * SECOND)
    await world.move(10 * SECOND)
    assert [type(post) for _, post in world.discord.edits] == [SummaryPost]


async def test_a_summary_is_put_right_after_an_edit_without_a_response(world: CardLoopFixture) -> None:
    """Discord may have stored the edit, although the summary should look as before by now."""
    await _with_summary(world)
    await world.move(10 * SECOND)
    world.in_force, world.discord.edit_script = 2, [NoResponse()]
    world.loop.all_changed()
    await world.move(10 * SECOND)
    assert not world.discord.edit_script
    world.in_force = 1
    await world.move(60 * SECOND)
    shown = [post for _, post in world.discord.edits if isinstance(post, SummaryPost)]
    assert [post.entries[0].status is CardStatus.OTHER_ACCOUNT for post in shown] == [False]


async def test_a_change_that_a_summary_does_not_show_costs_no_edit(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    await world.watch("one", CHANNEL, batch_id=batch_id)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await world.told("one", percent=30)
    await world.move(20 * SECOND)
    await world.told("one", percent=30, elapsed=5, style="anime")
    await world.move(20 * SECOND)

    assert len(world.discord.edits) == 1


async def test_an_ended_summary_does_not_follow_jobs_that_others_watch(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    stopped = await world.watch("one", CHANNEL, batch_id=batch_id)
    await world.watch("one", CHANNEL + 1)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await world.told("one", percent=30)
    await world.move(20 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.stop(tx, stopped, 9, world.clock.now())
    world.loop.subscription_changed(stopped)
    await world.move(20 * SECOND)
    shown = [post for _, post in world.discord.edits if isinstance(post, SummaryPost)]
    assert [entry.status for entry in shown[-1].entries] == [CardStatus.STOPPED]

    for percent in (40, 50):
        await world.told("one", percent=percent)
        await world.move(20 * SECOND)
    assert len([post for _, post in world.discord.edits if isinstance(post, SummaryPost)]) == len(shown)


async def test_a_summary_is_forgotten_even_if_an_outcome_never_comes(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    stopped = await world.watch("one", CHANNEL, batch_id=batch_id)
    await world.watch("one", CHANNEL + 1)
    last = await world.watch("two", CHANNEL, batch_id=batch_id)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
        await subscriptions.stop(tx, stopped, 9, world.clock.now())
    await world.pump()
    await world.end(completed("one"))
    await world.end(completed("two"), closes=(last,))
    await world.pump()
    world.loop.job_changed(1)
    world.loop.job_changed(2)
    await world.move(20 * SECOND)

    shown = [post for _, post in world.discord.edits if isinstance(post, SummaryPost)]
    assert not shown[-1].open
    assert world.loop._edits._shown == {}


async def test_a_change_that_the_card_does_not_show_leaves_it_in_doubt(world: CardLoopFixture) -> None:
    subscription_id = await world.card("job")
    await world.told("job")
    await world.move(10 * SECOND)
    async with world.database.transaction() as tx:
        await subscriptions.doubt_card(tx, subscription_id)
    await world.answer(Job("job", JobState.PROGRESS, "progress", percent=10, ran_until=1))
    world.loop.job_changed(1)
    await world.move(600 * SECOND)
    edits = len(world.edits())

    world.discord.edit_script = [Refused(404, 10008)]
    await world.told("job", percent=60)
    await world.move(10 * SECOND)
    await world.pump()
    assert len(world.edits()) == edits
    assert len(world.discord.messages) == 2


@pytest.mark.parametrize("ends_meanwhile", [True, False])
async def test_cards_edited_by_a_fast_clock_keep_up_after_a_restart(
    world: CardLoopFixture, *, ends_meanwhile: bool
) -> None:
    last, batch_id = 0, await world.batch(CHANNEL, 9)
    for jobid in ("one", "two"):
        last = await world.watch(jobid, CHANNEL, batch_id=batch_id, users=(9,))
    alone = await world.watch("alone", CHANNEL, users=(9,), card=True)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    world.clock.jump(10 * 60 * SECOND)
    await world.end(completed("one"))
    await world.answer(Job("alone", JobState.PROGRESS, "progress", percent=10))
    await world.pump()
    for number in (1, 3):
        world.loop.job_changed(number)
    for _ in range(2):
        await world.move(20 * SECOND)
    world.clock.jump(-10 * 60 * SECOND)
    await world.halt()
    if not ends_meanwhile:
        world.run()
        await world.move(20 * SECOND)
    await world.answer(Job("alone", JobState.PROGRESS, "progress", percent=90))
    await world.end(completed("two"), closes=(last,))
    await world.pump()
    if ends_meanwhile:
        world.run()
    else:
        for number in (2, 3):
            world.loop.job_changed(number)
    for _ in range(3):
        await world.move(20 * SECOND)

    summaries = [post for _, post in world.discord.edits if isinstance(post, SummaryPost)]
    assert (summaries[-1].done, summaries[-1].open) == (2, False)
    assert [post.job.percent for post in world.edits() if post.subscription_id == alone and post.job][-1] == 90


async def test_an_unchanged_summary_is_not_edited_at_the_start(world: CardLoopFixture) -> None:
    batch_id = await world.batch(CHANNEL, 9)
    await world.watch("one", CHANNEL, batch_id=batch_id)
    async with world.database.transaction() as tx:
        await deliveries.add_summary(
            tx, batch_id=batch_id, guild_id=GUILD, channel_id=CHANNEL, base_nonce="s" * 25, now=world.clock.now()
        )
    await world.pump()
    await world.halt()
    world.run()
    await world.move(20 * SECOND)

    assert world.discord.edits == []


async def test_the_loop_turns_even_if_no_card_is_due_for_long(world: CardLoopFixture) -> None:
    await world.card("job:1")
    before = world.loop.heartbeat
    await world.move(31 * SECOND)
    assert before < world.loop.heartbeat == world.clock.monotonic()


async def test_cards_of_another_process_s_servers_are_not_even_read(
    world: CardLoopFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Alone):
        def shards(self) -> Shards:  # type: ignore[override]
            return Shards(2, (1 - (GUILD >> 22) % 2,))

    subscription_id = await world.card("job")
    monkeypatch.setattr(world.loop, "_ownership", Elsewhere())
    shown: list[Key] = []

    async def show(key: Key) -> Finished:
        shown.append(key)
        return Finished()

    monkeypatch.setattr(world.loop._edits, "show", show)
    for change in (world.loop.all_changed, world.loop.servers_moved, lambda: world.loop.job_changed(1)):
        change()
        await world.rest()
    world.loop.account_changed(1)
    await world.rest()
    assert shown == []
    monkeypatch.setattr(world.loop, "_ownership", Alone())
    world.loop.job_changed(1)
    await world.rest()
    assert shown == [Key(DeliveryKind.CARD, subscription_id)]


async def test_servers_that_move_during_a_lookup_of_cards_are_looked_up_too(
    world: CardLoopFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may take several shards in quick succession."""

    class Taking(Alone):
        held: tuple[int, ...] = ()

        def shards(self) -> Shards:  # type: ignore[override]
            return Shards(2, self.held)

    taking, outdated = Taking(), card_rows.outdated

    async def look_up(reader: Queries, now: int, shards: Shards | None) -> list[int]:
        found = await outdated(reader, now, shards)
        if not taking.held:
            taking.held = (0, 1)
            world.loop.servers_moved()
        return found

    await world.card("job")
    monkeypatch.setattr(world.loop, "_ownership", taking)
    monkeypatch.setattr(card_rows, "outdated", look_up)
    await world.answer(Job("job", JobState.PROGRESS, "progress", percent=40))
    world.loop.servers_moved()
    await world.rest()
    assert world.percents() == [40]
