from __future__ import annotations

from dataclasses import replace

import pytest

from model.job import Job, JobState, Media, Outcome
from model.states import AccountState, CardStatus, DeliveryState
from relay.cards.card_status import FETCHING_AFTER, SLOW_AFTER, CardInputs, card_status, changes_at, is_final, slow_at

NOW = 1_700_000_000_000
DONE = Job("job", JobState.COMPLETED, "completed", media=(Media("https://cdn.example/a.mp4"),))
RUNNING = CardInputs(
    now=NOW,
    job=Job("job", JobState.PROGRESS, "progress", percent=10),
    ended=False,
    stopped_by=None,
    outcome=None,
    job_ended_at=None,
    delivery=None,
    blocked=False,
    live=True,
    account_state=AccountState.OK,
    api_down=False,
    paused=False,
    slow_at=NOW + 1,
)
ENDED = replace(
    RUNNING,
    job=DONE,
    ended=True,
    outcome=Outcome.COMPLETED,
    job_ended_at=NOW - FETCHING_AFTER,
    delivery=DeliveryState.WAITING,
)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (JobState.CREATED, CardStatus.CREATED),
        (JobState.STARTED, CardStatus.STARTED),
        (JobState.PROGRESS, CardStatus.PROGRESS),
        (JobState.UNKNOWN, CardStatus.UNKNOWN),
    ],
)
def test_a_running_job_shows_its_state(state: JobState, status: CardStatus) -> None:
    assert card_status(replace(RUNNING, job=Job("job", state, "word"))) is status


def test_before_the_first_response() -> None:
    assert card_status(replace(RUNNING, job=None, slow_at=NOW)) is CardStatus.NO_ANSWER_YET


def test_a_job_that_takes_long_says_so_from_that_moment_on() -> None:
    assert changes_at(RUNNING) == NOW + 1
    late = replace(RUNNING, now=NOW + 1)
    assert card_status(late) is CardStatus.SLOW
    assert changes_at(late) is None


def test_an_unknown_state_is_shown_however_long_it_takes() -> None:
    assert card_status(replace(RUNNING, job=Job("job", JobState.UNKNOWN, "odd"), slow_at=NOW)) is CardStatus.UNKNOWN


def test_a_paused_bot_says_so_only_on_open_cards() -> None:
    held = replace(RUNNING, paused=True, account_state=AccountState.REFUSED, live=False)
    assert card_status(held) is CardStatus.PAUSED
    assert card_status(replace(ENDED, paused=True, delivery=DeliveryState.POSTED)) is CardStatus.ENDED


def test_what_blocks_a_job_is_shown_before_its_state() -> None:
    held = replace(RUNNING, api_down=True)
    assert card_status(held) is CardStatus.API_DOWN
    assert card_status(replace(held, account_state=AccountState.REFUSED)) is CardStatus.TOKEN_REFUSED
    assert card_status(replace(held, account_state=AccountState.UNPAID)) is CardStatus.UNPAID
    assert card_status(replace(held, account_state=AccountState.UNPAID, live=False)) is CardStatus.OTHER_ACCOUNT


def test_time_is_counted_from_the_job_s_creation() -> None:
    assert slow_at(Job("job", JobState.CREATED, "created", created=5), 9, ahead=60) == 65 + SLOW_AFTER
    assert slow_at(None, 9, ahead=60) == 9 + SLOW_AFTER


def test_a_video_that_is_posted_at_once_is_not_announced() -> None:
    soon = replace(ENDED, job_ended_at=NOW - 1)
    assert card_status(soon) is None
    assert changes_at(soon) == NOW - 1 + FETCHING_AFTER
    assert card_status(ENDED) is CardStatus.FETCHING


def test_an_end_without_video_waits_for_its_message() -> None:
    assert card_status(replace(ENDED, outcome=Outcome.FAILED)) is None
    assert card_status(replace(ENDED, job=replace(DONE, media=()))) is None


def test_an_outcome_without_permission_to_post() -> None:
    blocked = replace(ENDED, blocked=True)
    assert card_status(blocked) is CardStatus.CANNOT_POST
    assert not is_final(blocked)


@pytest.mark.parametrize(
    ("delivery", "status"),
    [
        (DeliveryState.POSTED, CardStatus.ENDED),
        (None, CardStatus.ENDED),
        (DeliveryState.GIVEN_UP, CardStatus.NOT_POSTED),
        (DeliveryState.UNSURE, CardStatus.UNSURE),
    ],
)
def test_once_the_outcome_is_done_the_card_is_in_its_last_state(
    delivery: DeliveryState | None, status: CardStatus
) -> None:
    settled = replace(ENDED, delivery=delivery)
    assert card_status(settled) is status
    assert is_final(settled)


def test_a_stopped_card_says_so_even_if_the_job_ends_later() -> None:
    stopped = replace(ENDED, stopped_by=7, delivery=None)
    assert card_status(stopped) is CardStatus.STOPPED
    assert is_final(stopped)
    assert not is_final(RUNNING)
