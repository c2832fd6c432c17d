"""Exactly one outcome, whenever the process dies or the disk is full, on both engines."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from model.messages import HistoryUnreadable, NoResponse, Refused, SendResult, ServerNotReported, TooManyRequests
from model.states import Reason
from relay.delivery import verdicts
from settings import DatabasePlace
from tests.postgres_server import NewPlace
from tests.relay.discord_channel import DEAD, LOST
from tests.relay.outbox_fixture import Killed, OutboxFixture, Points, completed, disk_full

CHANNEL = 5
TOO_LARGE = Refused(413, 40005)
NO_ATTACH = Refused(403, 50013)
AUTOMOD = Refused(403, 200000)

SCENARIOS: dict[str, list[SendResult]] = {
    "taken": [],
    "answer lost": [LOST],
    "never arrived": [DEAD],
    "rate limited": [TooManyRequests(1.0)],
    "too large": [TOO_LARGE],
    "lost, then too large": [LOST, TOO_LARGE],
    "blocked words": [AUTOMOD],
    "may not attach": [NO_ATTACH],
    "lost, then silence and rate limits": [LOST, DEAD, TooManyRequests(100.0), DEAD, TooManyRequests(100.0)],
    "no access": [Refused(403, 50001)],
}
SHORT, LONG = 10_000, 600_000
MOST_POINTS = 40


async def started(place: DatabasePlace) -> OutboxFixture:
    world = OutboxFixture(place)
    await world.start()
    await world.account()
    return world


async def seed(world: OutboxFixture, script: list[SendResult]) -> int:
    await world.begin_again()
    await world.watch("job", CHANNEL, users=(9,))
    world.discord.script = list(script)
    return (await world.end(completed("job", 2)))[0]


async def seeded(place: DatabasePlace, script: list[SendResult]) -> tuple[OutboxFixture, int]:
    world = await started(place)
    return world, await seed(world, script)


async def run_until_killed(world: OutboxFixture, at: int) -> bool:
    """Whether the process died."""
    points = Points(at)
    world.database.point = points
    world.discord.point = points
    try:
        await world.pump_for(300_000, 10_000)
    except Killed:
        return True
    finally:
        world.live_on()
    return False


@pytest.mark.parametrize("away", [SHORT, LONG], ids=["nonce remembered", "nonce forgotten"])
@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_killed_at_any_point_the_message_is_posted_once(new_place: NewPlace, scenario: str, away: int) -> None:
    world = await started(new_place())
    for at in range(1, MOST_POINTS):
        delivery_id = await seed(world, SCENARIOS[scenario])
        died = await run_until_killed(world, at)
        world.clock.advance(away)
        world.renew()
        await world.pump_for(180_000, 10_000)

        assert len(world.discord.outcomes(CHANNEL)) == 1, f"killed at point {at}"
        delivery = await world.get(delivery_id)
        assert (delivery.state, delivery.message_id) == ("posted", world.discord.messages[0].id)
        if not died:
            await world.stop()
            return
    raise AssertionError("there are more points than were tried")


@pytest.mark.parametrize("scenario", ["taken", "answer lost", "too large"])
async def test_if_it_cannot_be_known_nothing_is_sent_again(new_place: NewPlace, scenario: str) -> None:
    states = set()
    world = await started(new_place())
    for at in range(1, MOST_POINTS):
        delivery_id = await seed(world, SCENARIOS[scenario])
        world.discord.readable = False
        died = await run_until_killed(world, at)
        world.clock.advance(LONG)
        world.renew()
        await world.pump_for(180_000, 10_000)

        delivery = await world.get(delivery_id)
        states.add(delivery.state)
        assert len(world.discord.outcomes(CHANNEL)) <= 1, f"killed at point {at}"
        if delivery.state == "posted":
            assert len(world.discord.outcomes(CHANNEL)) == 1
        else:
            assert (delivery.state, delivery.reason) == ("unsure", "cannot look")
        if not died:
            break
    await world.stop()
    assert states == {"posted", "unsure"}


@pytest.mark.parametrize("first", [LOST, DEAD], ids=["stored", "not stored"])
async def test_an_unreachable_channel_is_searched_once_it_is_reachable(new_place: NewPlace, first: SendResult) -> None:
    """Nothing could be posted there meanwhile, so waiting loses nothing."""
    world, delivery_id = await seeded(new_place(), [first])
    await world.pump()
    world.discord.missing[CHANNEL], world.discord.readable = ("View Channel",), False
    world.clock.advance(LONG)
    await world.pump_for(3_600_000, 60_000)
    assert (await world.get(delivery_id)).state.is_open

    del world.discord.missing[CHANNEL]
    world.discord.readable = True
    await world.pump_for(3_600_000, 60_000)
    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


@pytest.mark.parametrize("starts", [True, False])
async def test_the_history_is_searched_every_few_seconds_after_a_start_until_the_server_is_reported(
    new_place: NewPlace, *, starts: bool
) -> None:
    """However old the unanswered attempt is. A server that is still not reported after hours is searched rarely."""
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.discord.find_script = [ServerNotReported()] * 3
    world.clock.advance(LONG * 30)
    if starts:
        await world.restart()
    await world.pump_for(15_000, 1_000)
    assert len(world.discord.find_script) == (0 if starts else 2)
    await world.pump_for(3 * LONG, 60_000)
    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


@pytest.mark.parametrize("closed", [Reason.NO_PERMISSION, Reason.UNKNOWN_CHANNEL])
async def test_a_channel_that_only_discord_says_is_closed_is_looked_into_once_it_is_open(
    new_place: NewPlace, closed: Reason
) -> None:
    """The gateway does not report a thread of a hidden channel, so it tells of no missing permission."""
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.discord.find_script = [HistoryUnreadable(closed)] * 3
    world.clock.advance(LONG)
    await world.pump_for(60_000, 60_000)
    assert (await world.get(delivery_id)).reason == closed

    await world.pump_for(3_600_000, 60_000)
    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


async def test_a_place_where_discord_just_refused_to_post_is_searched_once_it_is_open(new_place: NewPlace) -> None:
    """The gateway does not report a locked thread that is archived, so it tells of no missing permission."""
    world, delivery_id = await seeded(new_place(), [DEAD, *[Refused(403, 50001)] * 100])
    world.discord.missing[CHANNEL] = None
    await world.pump_for(60_000, 5_000)
    assert (await world.get(delivery_id)).reason == Reason.NO_PERMISSION
    world.discord.readable = False
    world.clock.advance(LONG)
    await world.pump_for(3_600_000, 60_000)
    assert (await world.get(delivery_id)).state == "waiting"

    world.discord.script.clear()
    world.discord.readable = True
    await world.pump_for(3_600_000, 60_000)
    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


@pytest.mark.parametrize("by", ["gateway", "response"])
async def test_an_unreachable_channel_is_waited_for_three_days(new_place: NewPlace, by: str) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    if by == "gateway":
        world.discord.missing[CHANNEL], world.discord.readable = ("View Channel",), False
    else:
        world.discord.find_script = [HistoryUnreadable(Reason.NO_PERMISSION)] * 1000
    world.clock.advance(LONG)
    await world.pump_for(verdicts.BLOCKED_FOR_AT_MOST + 3_600_000, 600_000)
    delivery = await world.get(delivery_id)
    assert (delivery.state, delivery.reason) == ("unsure", "cannot look")
    await world.stop()


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_a_full_disk_at_any_point_loses_and_duplicates_nothing(new_place: NewPlace, scenario: str) -> None:
    world = await started(new_place())
    for at in range(1, MOST_POINTS):
        delivery_id = await seed(world, SCENARIOS[scenario])
        points = Points(at, disk_full)
        world.database.point = points
        for _ in range(40):
            try:
                await world.pump()
            except OSError as error:
                raise AssertionError from error
            except Exception as error:
                assert "disk is full" in str(error)
            if not await world.unsettled():
                break
            world.clock.advance(10_000)
        assert (await world.get(delivery_id)).state == "posted"
        assert len(world.discord.outcomes(CHANNEL)) == 1, f"full at point {at}"
        if points.passed < at:
            await world.stop()
            return
    raise AssertionError("there are more points than were tried")


async def test_a_sent_message_is_recorded_without_resending_once_there_is_space(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [])
    # Of the second transaction, which records, nothing is written.
    world.database.point = Points(5, disk_full)
    with pytest.raises(Exception, match="disk is full"):
        await world.sender.deliver(delivery_id)
    assert (await world.get(delivery_id)).state == "sending"

    world.clock.advance(LONG)
    world.discord.readable = False
    world.live_on()
    await world.sender.deliver(delivery_id)

    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.tried) == 1
    await world.stop()


async def test_an_unsure_result_that_could_not_be_stored_is_checked_again(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(LONG)
    world.discord.readable = False
    world.database.point = Points(1, disk_full)
    with pytest.raises(Exception, match="disk is full"):
        await world.sender.deliver(delivery_id)

    world.discord.readable = True
    world.live_on()
    await world.sender.deliver(delivery_id)

    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.tried) == 1
    await world.stop()


@pytest.mark.parametrize("jump", [-3_600_000, 3_600_000])
async def test_setting_the_clock_by_an_hour_duplicates_nothing(new_place: NewPlace, jump: int) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(LONG)
    world.clock.jump(jump)

    await world.pump_for(3_600_000, 5_000)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_a_clock_set_back_just_before_the_next_attempt(new_place: NewPlace) -> None:
    """The bot hasn't noticed it yet, so the attempt looks young; but this process knows how long it has waited."""
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(LONG)
    world.clock.jump(SHORT - LONG)
    await world.sender.deliver(delivery_id)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


@pytest.mark.parametrize("jump", [-3_600_000, 3_600_000])
async def test_a_clock_set_while_the_bot_is_off_shows_in_the_history(new_place: NewPlace, jump: int) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(LONG)
    world.clock.jump(jump)
    world.renew()
    await world.sender.deliver(delivery_id)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert len(world.discord.tried) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


@pytest.mark.parametrize("refused", [Refused(403, 50013), TooManyRequests(3600.0)], ids=["blocked", "rate limited"])
async def test_what_a_fast_clock_deferred_is_due_after_a_restart(new_place: NewPlace, refused: SendResult) -> None:
    world, delivery_id = await seeded(new_place(), [refused])
    world.clock.jump(2 * 24 * 3_600_000)
    world.discord.missing[CHANNEL] = ("Send Messages",)
    await world.pump()
    world.clock.jump(-2 * 24 * 3_600_000)
    world.discord.missing.clear()
    world.renew()
    await world.pump()

    assert (await world.get(delivery_id)).state == "posted"
    assert len(world.discord.outcomes(CHANNEL)) == 1
    await world.stop()


async def test_waiting_for_a_channel_is_counted_by_the_correct_clock(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [Refused(403, 50013)])
    world.clock.jump(2 * 24 * 3_600_000)
    world.discord.missing[CHANNEL] = ("Send Messages",)
    await world.pump()
    world.clock.jump(-2 * 24 * 3_600_000)
    world.renew()
    await world.pump_for(verdicts.BLOCKED_FOR_AT_MOST + 3_600_000, 1_800_000)

    assert (await world.get(delivery_id)).state == "given_up"
    await world.stop()


@pytest.mark.parametrize("script", [[LOST], [DEAD]], ids=["stored", "never arrived"])
async def test_an_earlier_attempt_that_looks_recent_is_searched_for(
    new_place: NewPlace, script: list[SendResult]
) -> None:
    """The clock was set back by the time the bot was stopped, so the attempt's age is meaningless."""
    world, delivery_id = await seeded(new_place(), script)
    await world.pump()
    world.clock.advance(LONG)
    world.clock.jump(SHORT - LONG)
    world.renew()
    await world.pump_for(180_000, 10_000)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_an_attempt_that_looks_recent_is_repeated_if_the_history_is_unreadable(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(SHORT)
    world.renew()
    world.discord.readable = False
    await world.pump()

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_with_a_clock_an_hour_ahead_the_message_is_found(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    world.clock.jump(3_600_000)
    await world.pump()
    world.clock.advance(LONG)
    await world.sender.deliver(delivery_id)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_with_a_clock_two_days_ahead_at_the_send_the_message_is_found(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    world.clock.jump(2 * 86_400_000)
    await world.pump()
    world.clock.advance(LONG)
    world.clock.jump(-2 * 86_400_000)
    world.renew()
    await world.sender.deliver(delivery_id)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_an_unresponsive_history_is_searched_less_and_less_often(new_place: NewPlace) -> None:
    world, delivery_id = await seeded(new_place(), [LOST])
    await world.pump()
    world.clock.advance(LONG)
    world.discord.find_script = [NoResponse()] * 1_000
    await world.pump_for(3_600_000, 2_000)
    assert 10 < len(world.discord.looks) < 60
    world.discord.find_script = []
    await world.pump_for(600_000, 10_000)

    assert len(world.discord.tried) == 1
    assert (await world.get(delivery_id)).state == "posted"
    await world.stop()


async def test_the_nonce_is_not_trusted_if_the_first_attempt_is_old(new_place: NewPlace) -> None:
    """The first unanswered attempt counts, not the last."""
    world, delivery_id = await seeded(new_place(), [LOST])
    world.discord.readable = False
    await world.pump()
    for _ in range(6):
        # Each process dies while it sends; none gets an answer.
        world.clock.advance(50_000)
        world.discord.script = [DEAD]
        world.renew()
        world.database.point = lambda: None
        await world.sender.deliver(delivery_id)

    assert len(world.discord.outcomes(CHANNEL)) == 1
    assert (await world.get(delivery_id)).state == "unsure"
    await world.stop()


steps = st.tuples(
    st.sampled_from([None, LOST, DEAD, TooManyRequests(1.0), TOO_LARGE, AUTOMOD, NO_ATTACH, Refused(403, 50001)]),
    st.one_of(st.none(), st.integers(1, 12)),
    st.sampled_from([1_000, 30_000, 119_000, 121_000, 900_000]),
)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(steps, min_size=1, max_size=6), st.sampled_from([0, -3_600_000, 3_600_000]), st.integers(0, 5))
def test_any_sequence_of_events_leaves_one_message(
    course: list[tuple[SendResult | None, int | None, int]], jump: int, jump_at: int
) -> None:
    """Answers, deaths, pauses and a clock that is set by an hour, in any order."""

    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            world, delivery_id = await seeded(Path(folder) / "relay.db", [])
            for place, (answer, at, away) in enumerate(course):
                world.discord.script = [] if answer is None else [answer]
                points = Points(at)
                world.database.point = points
                world.discord.point = points
                try:
                    await world.pump()
                except Killed:
                    world.renew()
                world.clock.advance(away)
                if place == jump_at:
                    world.clock.jump(jump)
                assert len(world.discord.outcomes(CHANNEL)) <= 1
            world.live_on()
            world.discord.script = []
            world.renew()
            await world.pump_for(2 * 3_600_000, 300_000)
            state = (await world.get(delivery_id)).state
            # Given up: what Discord took in no form.
            assert (state, len(world.discord.outcomes(CHANNEL))) in [("posted", 1), ("given_up", 0)]
            await world.stop()

    asyncio.run(play())
