from __future__ import annotations

import pytest

from relay.commands.limits import CommandRate
from relay.commands.refusals import TooFast
from tests.clock import ManualClock


def test_so_many_in_sixty_seconds_and_not_one_more() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 3)
    for _ in range(3):
        rate.use(1)
        clock.move_to(clock.monotonic() + 10)
    with pytest.raises(TooFast) as refusal:
        rate.use(1)
    assert refusal.value.until == clock.now() + 30_000
    clock.move_to(clock.monotonic() + 30)
    rate.use(1)


def test_what_was_refused_is_not_counted_and_others_are_not_concerned() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    rate.use(1)
    for _ in range(5):
        with pytest.raises(TooFast):
            rate.use(1)
    rate.use(2)
    clock.move_to(clock.monotonic() + 60)
    rate.use(1)


def test_a_clock_that_jumps_changes_nothing() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    rate.use(1)
    clock.jumped = 3_600_000
    with pytest.raises(TooFast):
        rate.use(1)


def test_people_who_have_gone_are_forgotten() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    for user_id in range(100):
        rate.use(user_id)
    clock.move_to(clock.monotonic() + 61)
    for user_id in range(1000, 1060):
        rate.use(user_id)
    assert len(rate._used) <= 60
