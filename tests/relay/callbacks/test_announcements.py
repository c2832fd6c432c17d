from __future__ import annotations

from relay.callbacks.announcements import Announcements
from tests.relay.world import ManualClock


def _reliable() -> tuple[Announcements, ManualClock]:
    clock = ManualClock()
    announcements = Announcements(clock)
    for job_id in range(3):
        assert not announcements.relied_on(1)
        announcements.ended(1, job_id, announced=True)
    assert announcements.relied_on(1)
    return announcements, clock


def test_three_in_a_row_are_relied_on_for_that_account_alone() -> None:
    announcements, _ = _reliable()
    assert not announcements.relied_on(2)


def test_an_end_that_nothing_announced_takes_it_away() -> None:
    announcements, clock = _reliable()
    announcements.ended(1, 10, announced=False)
    clock.move_to(clock.monotonic() + 4)
    assert announcements.relied_on(1)
    clock.move_to(clock.monotonic() + 2)
    assert not announcements.relied_on(1)
    announcements.ended(1, 11, announced=True)
    announcements.ended(1, 12, announced=True)
    assert not announcements.relied_on(1)
    announcements.ended(1, 13, announced=True)
    assert announcements.relied_on(1)


def test_a_callback_right_after_the_answer_counts() -> None:
    announcements, clock = _reliable()
    announcements.ended(1, 10, announced=False)
    clock.move_to(clock.monotonic() + 4)
    announcements.told_late(1, 10)
    clock.move_to(clock.monotonic() + 100)
    assert announcements.relied_on(1)


def test_it_counts_before_callbacks_are_relied_on_too() -> None:
    clock = ManualClock()
    announcements = Announcements(clock)
    announcements.ended(1, 1, announced=True)
    announcements.ended(1, 2, announced=False)
    announcements.told_late(1, 2)
    clock.move_to(clock.monotonic() + 100)
    announcements.ended(1, 3, announced=True)
    announcements.ended(1, 4, announced=True)
    assert announcements.relied_on(1)


def test_one_that_comes_later_does_not() -> None:
    announcements, clock = _reliable()
    announcements.ended(1, 10, announced=False)
    clock.move_to(clock.monotonic() + 6)
    announcements.told_late(1, 10)
    assert not announcements.relied_on(1)
