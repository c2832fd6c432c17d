from __future__ import annotations

import pytest

from relay.cards.edit_queue import CHANNEL_SECONDS, EVERYWHERE_SECONDS, EditQueue


@pytest.fixture
def line() -> EditQueue:
    return EditQueue()


def test_a_channel_has_a_slot_every_two_seconds_independent_of_others(line: EditQueue) -> None:
    assert [line.take_place(key, 5, 10.0) for key in "abc"] == [0.0, CHANNEL_SECONDS, 2 * CHANNEL_SECONDS]
    assert line.take_place("d", 6, 10.0) == pytest.approx(EVERYWHERE_SECONDS)
    assert line.take_place("c", 5, 11.0) == pytest.approx(2 * CHANNEL_SECONDS - 1)


def test_a_slot_is_kept_until_it_is_released(line: EditQueue) -> None:
    line.take_place("a", 5, 10.0)
    assert line.take_place("b", 5, 10.0) == CHANNEL_SECONDS
    assert line.take_place("b", 5, 12.0) == 0.0
    assert line.take_place("b", 5, 13.0) < 0.0
    line.leave("b")
    line.take_place("c", 5, 14.0)
    assert line.take_place("b", 5, 14.0) == CHANNEL_SECONDS


def test_a_paused_channel_has_no_slot(line: EditQueue) -> None:
    line.pause_channel(5, 20.0)
    line.pause_channel(5, 15.0)
    assert line.take_place("a", 5, 10.0) == 10.0


def test_free_channels_are_forgotten(line: EditQueue) -> None:
    for channel_id in range(1_000):
        now = channel_id * CHANNEL_SECONDS
        line.take_place(channel_id, channel_id, now)
        line.begin(channel_id, channel_id)
        line.end(channel_id, now)
    assert len(line._free_at) <= 2
    assert not line._places
    assert not line._channels


def test_released_slots_delay_nobody(line: EditQueue) -> None:
    for key in range(20):
        line.take_place(key, 5, 10.0)
    line.begin(0, 5)
    line.end(5, 10.0)
    for key in range(1, 20):
        line.leave(key)
    assert line.take_place("later", 5, 11.0) == CHANNEL_SECONDS - 1


def test_two_seconds_also_pass_after_a_late_edit(line: EditQueue) -> None:
    line.take_place("a", 5, 10.0)
    assert line.take_place("b", 5, 10.0) == CHANNEL_SECONDS
    assert line.take_place("a", 5, 11.5) <= 0
    line.begin("a", 5)
    line.end(5, 11.5)
    assert line.take_place("b", 5, 12.0) == 1.5
    assert line.take_place("b", 5, 13.5) <= 0


def test_two_seconds_pass_after_the_response_to_an_edit(line: EditQueue) -> None:
    line.take_place("a", 5, 10.0)
    line.begin("a", 5)
    assert line.take_place("b", 5, 13.0) == CHANNEL_SECONDS
    line.end(5, 13.5)
    assert line.take_place("b", 5, 15.0) == 0.5
    assert line.take_place("b", 5, 15.5) <= 0


def test_a_card_that_was_edited_waits_for_another_turn_among_all_channels(line: EditQueue) -> None:
    line.take_place("a", 5, 10.0)
    line.begin("a", 5)
    line.end(5, 10.0)
    assert line.take_place("b", 6, 20.0) <= 0
    assert line.take_place("a", 5, 20.0) == pytest.approx(EVERYWHERE_SECONDS)
