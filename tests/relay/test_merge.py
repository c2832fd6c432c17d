from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from model.job import Job, JobState
from relay import merge

_ORDER = [JobState.CREATED, JobState.STARTED, JobState.PROGRESS]


@given(st.lists(st.tuples(st.sampled_from(_ORDER), st.none() | st.integers(0, 100)), min_size=1))
def test_neither_state_nor_percentage_goes_backwards(answers: list[tuple[JobState, int | None]]) -> None:
    known: Job | None = None
    for state, percent in answers:
        told = percent if state is JobState.PROGRESS else None
        following = merge.onward(known, Job("j", state, state.value, percent=told))
        if known is not None:
            assert _ORDER.index(following.state) >= _ORDER.index(known.state)
            assert (following.percent or 0) >= (known.percent or 0)
        known = following


def test_an_end_and_an_unknown_state_are_shown_whatever_came_before() -> None:
    known = Job("j", JobState.PROGRESS, "progress", percent=90)
    for state in (JobState.FAILED, JobState.COMPLETED):
        answer = Job("j", state, "word")
        assert merge.onward(known, answer) == answer
    unknown = merge.onward(known, Job("j", JobState.UNKNOWN, "word"))
    assert (unknown.state, unknown.status) == (JobState.UNKNOWN, "word")


@given(st.lists(st.tuples(st.sampled_from([*_ORDER, JobState.UNKNOWN]), st.none() | st.integers(0, 100)), min_size=1))
def test_an_unknown_state_makes_nothing_go_backwards(answers: list[tuple[JobState, int | None]]) -> None:
    known: Job | None = None
    shown = 0
    for state, percent in answers:
        following = merge.onward(known, Job("j", state, state.value, percent=percent))
        if following.state is JobState.PROGRESS and following.percent is not None:
            assert following.percent >= shown
            shown = following.percent
        known = following
    if shown:
        stale = merge.onward(known, Job("j", JobState.CREATED, "created"))
        assert stale.state in (JobState.PROGRESS, JobState.UNKNOWN)


def test_other_fields_of_an_old_response_are_adopted() -> None:
    known = Job("j", JobState.PROGRESS, "progress", percent=40)
    following = merge.onward(known, Job("j", JobState.CREATED, "created", prompt="a cat"))
    assert following == Job("j", JobState.PROGRESS, "progress", percent=40, prompt="a cat")


def test_a_v2_response_with_almost_no_fields_keeps_what_was_known() -> None:
    jobid = "user:1-pixverse:me@example.com-video:1"
    known = Job(jobid, JobState.CREATED, "QUEUED", prompt="a cat", model="v5", queue_place=3)
    following = merge.onward(known, Job(jobid, JobState.PROGRESS, "in work", elapsed=30))
    assert following == Job(jobid, JobState.PROGRESS, "in work", prompt="a cat", model="v5", elapsed=30)
    ended = merge.onward(following, Job(jobid, JobState.FAILED, "FAILED", error="no"))
    assert ended == Job(jobid, JobState.FAILED, "FAILED", prompt="a cat", model="v5", error="no")


def test_a_v1_response_with_few_fields_keeps_what_was_known_too() -> None:
    known = Job("j", JobState.PROGRESS, "progress", percent=40, verb="pixverse-create", prompt="a cat", motion=5)
    ended = merge.onward(known, Job("j", JobState.FAILED, "failed", error="no"))
    assert ended == Job("j", JobState.FAILED, "failed", verb="pixverse-create", prompt="a cat", motion=5, error="no")


def test_a_time_in_progress_is_not_shown_once_responses_no_longer_name_it() -> None:
    jobid = "user:1-pixverse:me@example.com-video:1"
    known = merge.onward(None, Job(jobid, JobState.PROGRESS, "in work", elapsed=60))
    known = merge.onward(known, Job(jobid, JobState.PROGRESS, "in work", elapsed=30))
    assert known.elapsed == 60
    assert merge.onward(known, Job(jobid, JobState.PROGRESS, "GENERATING")).elapsed is None
