from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixverse.job import Embed, Job, JobState, Media, Upload
from pixverse.snapshot import fingerprint, from_snapshot, to_snapshot

URL = "https://cdn.discordapp.com/attachments/13/13/out.mp4"
FULL = Job(
    jobid="job:1",
    state=JobState.COMPLETED,
    status="completed",
    verb="pixverse-button",
    created=1_700_000_000_123,
    updated=1_700_000_001_456,
    percent=0,
    prompt="paper boat 🚤",
    negative_prompt="people",
    style="Anime",
    aspect_ratio="16:9",
    seed=0,
    motion=5,
    character="klee",
    image=Upload(12, "image/png"),
    face=Upload(None, "image/jpeg"),
    parent_jobid="job:0",
    button="V1",
    buttons=("U1", "🔄"),
    content="<@1> (prompt: paper boat)",
    embeds=(Embed("rich", "words", "https://a.example/p.png"), Embed(description="more")),
    media=(Media(f"{URL}?ex=1&is=2&hm=3&", "video/mp4", "out.mp4", 5, 6, 7), Media("https://a.example/b.mp4")),
    error="bad",
    error_details="very bad",
)
SMALL = Job("job:1", JobState.CREATED, "created")
words = st.none() | st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()))
jobs = st.builds(
    Job,
    jobid=st.just("job:1"),
    state=st.sampled_from(JobState),
    status=st.just("word"),
    prompt=words,
    style=words,
    seed=st.none() | st.integers(-(2**53), 2**53),
    percent=st.none() | st.integers(0, 100),
    buttons=st.lists(st.sampled_from(["U1", "V2", "🔀"]), max_size=3).map(tuple),
    media=st.lists(st.builds(Media, url=st.just(URL), size=st.none() | st.integers(0, 99)), max_size=3).map(tuple),
)


@pytest.mark.parametrize("job", [FULL, SMALL, replace(SMALL, state=JobState.UNKNOWN, status="upscaling")])
def test_a_job_comes_back_whole(job: Job) -> None:
    assert from_snapshot(to_snapshot(job)) == job


@given(jobs)
def test_any_job_comes_back_whole(job: Job) -> None:
    assert from_snapshot(to_snapshot(job)) == job


def test_what_is_not_known_takes_no_room() -> None:
    assert json.loads(to_snapshot(SMALL)) == {"jobid": "job:1", "state": "created", "status": "created"}


def test_half_an_emoji_can_be_stored() -> None:
    assert to_snapshot(replace(SMALL, prompt="\ud83d")).encode()


def test_a_newer_bots_snapshot_is_read() -> None:
    kept = {**json.loads(to_snapshot(FULL)), "state": "upscaling", "hurry": 5, "seed": "x", "media": [{"u": 1}, 5]}
    read = from_snapshot(json.dumps(kept))
    assert read == replace(FULL, state=JobState.UNKNOWN, seed=None, media=())


def test_an_older_bots_snapshot_is_read() -> None:
    assert from_snapshot('{"jobid":"job:1","status":"created","state":"created"}') == SMALL


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"jobid":"job:1"}', '{"jobid":5,"status":"created"}'])
def test_a_damaged_snapshot_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"jobid and a status|Expecting"):
        from_snapshot(text)


@pytest.mark.parametrize(
    "change",
    [
        {"state": JobState.FAILED},
        {"status": "x"},
        {"percent": 1},
        {"prompt": "other"},
        {"buttons": ("U1",)},
        {"content": "other"},
        {"media": FULL.media[:1]},
        {"media": (replace(FULL.media[0], url="https://a.example/c.mp4"), FULL.media[1])},
        {"embeds": ()},
        {"error": None},
    ],
)
def test_something_new_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(replace(FULL, **change)) != fingerprint(FULL)


def test_a_renewed_link_and_a_later_stamp_are_nothing_new() -> None:
    media = (replace(FULL.media[0], url=f"{URL}?ex=7&is=8&hm=9&"), FULL.media[1])
    assert fingerprint(replace(FULL, media=media, updated=1_800_000_000_000)) == fingerprint(FULL)


def test_a_fingerprint_is_the_same_in_every_process_and_fits_the_database() -> None:
    assert fingerprint(SMALL) == 4229216014577389599
    assert -(2**63) <= fingerprint(FULL) < 2**63
