from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from model import snapshots
from model.job import Embed, Job, JobState, Media, Upload

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
def test_a_stored_snapshot_is_read_back_unchanged(job: Job) -> None:
    kept = snapshots.dump(job)
    assert snapshots.load(kept) == job
    assert snapshots.dump(job) == kept


@given(texts)
def test_an_unreadable_snapshot_is_empty(text: str) -> None:
    snapshots.load(text)
    assert snapshots.load("{") is None
    assert snapshots.load('{"jobid": 3}') is None
    assert snapshots.load(None) is None


@given(texts, texts, st.sampled_from(['"prompt":"x"', '\\"prompt\\":', "\\", ""]))
def test_only_the_prompt_is_the_prompt(prompt: str, other: str, trap: str) -> None:
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
