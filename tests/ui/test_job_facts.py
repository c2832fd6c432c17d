from __future__ import annotations

import pytest

from model.job import Job, JobState, Media
from ui import job_facts


def job(**changes: object) -> Job:
    return Job(**{"jobid": "a", "state": JobState.PROGRESS, "status": "progress", **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("verb", "button", "words"),
    [
        ("pixverse-create", None, "4 videos"),
        ("pixverse-create_single", None, "1 video"),
        ("pixverse-animate", None, "Animated image"),
        ("pixverse-meme_face", None, "Meme face"),
        ("pixverse-button", "U2", "U2 of an earlier job"),
        ("pixverse-button", "🔀", "Shuffle of an earlier job"),
        ("pixverse-button", "", "Continuation of an earlier job"),
        ("pixverse-later", None, ""),
        (None, None, ""),
    ],
)
def test_what_a_job_will_make(verb: str | None, button: str | None, words: str) -> None:
    assert job_facts.what(job(verb=verb, button=button)) == words


@pytest.mark.parametrize(("sent", "words"), [(0, ""), (1, "1 video"), (2, "2 videos"), (4, "4 videos")])
@pytest.mark.parametrize("verb", ["pixverse-create", "pixverse-create_single"])
def test_what_a_job_made(verb: str, sent: int, words: str) -> None:
    media = (Media("https://cdn.example/a.mp4"),) * sent
    assert job_facts.what(job(verb=verb, state=JobState.COMPLETED, media=media)) == words


def test_facts_leave_out_what_is_unknown() -> None:
    assert job_facts.facts(None) == ""
    assert job_facts.facts(job(style="Anime", created=0, updated=5000)) == "Anime"
    ended = job(state=JobState.FAILED, verb="pixverse-create", aspect_ratio="16:9", created=1_000, updated=135_000)
    assert job_facts.facts(ended) == "4 videos · 16:9 · took 2 min 14 s"
    assert job_facts.facts(job(state=JobState.FAILED, created=5000, updated=4000)) == ""


def test_without_a_prompt_the_kind_is_shown() -> None:
    assert job_facts.prompt(job(verb="pixverse-create_single")) == "1 video"
    assert job_facts.prompt(job(prompt="a *cat*")) == r"a \*cat\*"
    assert job_facts.prompt(None) == ""


def test_a_prompt_refused_for_its_content_is_not_shown() -> None:
    assert job_facts.prompt_name(job(prompt="x"), 7) == "x"
    assert job_facts.prompt_name(job(prompt="x", state=JobState.MODERATED), 7) == "#7"
    assert job_facts.prompt_name(None, 7) == "#7"


@pytest.mark.parametrize(("ran_until", "shown"), [(60_000, "took 1 min 20 s"), (19_999, "")])
def test_how_long_a_job_without_times_took(ran_until: int, shown: str) -> None:
    job = Job("job", JobState.COMPLETED, "completed", created=1, ran_until=ran_until, ended_by=80_001)
    assert shown in job_facts.facts(job)
    assert ("took" in job_facts.facts(job)) is bool(shown)


def test_how_long_a_job_took_is_not_decided_by_a_wrong_clock() -> None:
    two_days = 2 * 86_400_000
    ran_until, ended_by = two_days + 60_000, two_days + 80_001
    seen = Job("job", JobState.COMPLETED, "completed", created=1, ran_until=ran_until, ended_by=ended_by)
    assert "took 1 min 20 s" in job_facts.facts(seen, clock_ahead=two_days)
    told = Job("job", JobState.COMPLETED, "completed", created=1, updated=80_001)
    assert "took 1 min 20 s" in job_facts.facts(told, clock_ahead=two_days)


@pytest.mark.parametrize(("updated", "shown"), [(1001, "took 1 s"), (1000, ""), (1, "")])
def test_no_job_took_zero_time(updated: int, shown: str) -> None:
    facts = job_facts.facts(Job("job", JobState.COMPLETED, "completed", created=1, updated=updated))
    assert shown in facts
    assert ("took" in facts) is bool(shown)
