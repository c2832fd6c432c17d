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
    for state in (JobState.FAILED, JobState.COMPLETED, JobState.UNKNOWN):
        answer = Job("j", state, "word")
        assert merge.onward(known, answer) == answer


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
