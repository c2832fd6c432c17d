from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pixverse.job import Embed, Job, JobState, Media, Upload
from relay import snapshots

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
numbers = st.integers(-(2**53), 2**53)
jobs = st.builds(
    Job,
    texts,
    st.sampled_from(JobState),
    texts,
    prompt=st.none() | texts,
    percent=st.none() | st.integers(0, 100),
    updated=st.none() | numbers,
    image=st.none() | st.builds(Upload, st.none() | numbers, st.none() | texts),
    buttons=st.lists(texts, max_size=3).map(tuple),
    embeds=st.lists(st.builds(Embed, st.none() | texts), max_size=2).map(tuple),
    media=st.lists(st.builds(Media, texts, st.none() | texts), max_size=3).map(tuple),
)


@given(jobs)
def test_what_is_kept_is_what_was_told(job: Job) -> None:
    kept = snapshots.dump(job)
    assert snapshots.load(kept) == job
    assert snapshots.dump(job) == kept


@given(texts)
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    snapshots.load(text)
    assert snapshots.load("{") is None
    assert snapshots.load('{"jobid": 3}') is None
    assert snapshots.load(None) is None


_ORDER = [JobState.CREATED, JobState.STARTED, JobState.PROGRESS]


@given(st.lists(st.tuples(st.sampled_from(_ORDER), st.none() | st.integers(0, 100)), min_size=1))
def test_neither_state_nor_percentage_goes_backwards(answers: list[tuple[JobState, int | None]]) -> None:
    known: Job | None = None
    for state, percent in answers:
        told = percent if state is JobState.PROGRESS else None
        following = snapshots.onward(known, Job("j", state, state.value, percent=told))
        if known is not None:
            assert _ORDER.index(following.state) >= _ORDER.index(known.state)
            assert (following.percent or 0) >= (known.percent or 0)
        known = following


def test_an_end_and_an_unknown_state_are_shown_whatever_was_before() -> None:
    known = Job("j", JobState.PROGRESS, "progress", percent=90)
    for state in (JobState.FAILED, JobState.COMPLETED, JobState.UNKNOWN):
        answer = Job("j", state, "word")
        assert snapshots.onward(known, answer) == answer


def test_what_else_an_old_answer_tells_is_taken() -> None:
    known = Job("j", JobState.PROGRESS, "progress", percent=40)
    following = snapshots.onward(known, Job("j", JobState.CREATED, "created", prompt="a cat"))
    assert following == Job("j", JobState.PROGRESS, "progress", percent=40, prompt="a cat")


def test_an_answer_of_v2_that_tells_next_to_nothing_keeps_what_was_known() -> None:
    jobid = "user:1-pixverse:me@example.com-video:1"
    known = Job(jobid, JobState.CREATED, "QUEUED", prompt="a cat", model="v5", queue_place=3)
    following = snapshots.onward(known, Job(jobid, JobState.PROGRESS, "in work", elapsed=30))
    assert following == Job(jobid, JobState.PROGRESS, "in work", prompt="a cat", model="v5", elapsed=30)
    ended = snapshots.onward(following, Job(jobid, JobState.FAILED, "FAILED", error="no"))
    assert ended == Job(jobid, JobState.FAILED, "FAILED", prompt="a cat", model="v5", error="no")


@given(texts, texts, st.sampled_from(['"prompt":"x"', '\\"prompt\\":', "\\", ""]))
def test_the_prompt_alone_is_the_prompt(prompt: str, other: str, trap: str) -> None:
    job = Job(
        f"job-{trap}",
        JobState.PROGRESS,
        f"progress {trap}",
        prompt=f"{prompt}{trap}",
        negative_prompt=f'{trap}"prompt":"{other}"',
        content=f"{other}{trap}",
    )
    assert snapshots.prompt_of(snapshots.dump(job)) == job.prompt
    assert snapshots.prompt_of(snapshots.dump(replace(job, prompt=None))) == ""
    assert snapshots.prompt_of(None) == ""
