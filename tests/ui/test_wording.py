from __future__ import annotations

import pytest

from model.job import Job, JobState, Media, Outcome
from model.states import CardStatus
from ui import wording


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
def test_what_a_job_makes(verb: str | None, button: str | None, words: str) -> None:
    assert wording.what(job(verb=verb, button=button)) == words


@pytest.mark.parametrize(("sent", "words"), [(0, ""), (1, "1 video"), (2, "2 videos"), (4, "4 videos")])
@pytest.mark.parametrize("verb", ["pixverse-create", "pixverse-create_single"])
def test_what_a_job_made_is_what_came(verb: str, sent: int, words: str) -> None:
    media = (Media("https://cdn.example/a.mp4"),) * sent
    assert wording.what(job(verb=verb, state=JobState.COMPLETED, media=media)) == words


def test_facts_leave_out_what_is_unknown() -> None:
    assert wording.facts(None) == ""
    assert wording.facts(job(style="Anime", created=0, updated=5000)) == "Anime"
    ended = job(state=JobState.FAILED, verb="pixverse-create", aspect_ratio="16:9", created=1_000, updated=135_000)
    assert wording.facts(ended) == "4 videos · 16:9 · took 2 min 14 s"
    assert wording.facts(job(state=JobState.FAILED, created=5000, updated=4000)) == ""


def test_without_a_prompt_what_it_makes_stands_there() -> None:
    assert wording.prompt(job(verb="pixverse-create_single")) == "1 video"
    assert wording.prompt(job(prompt="a *cat*")) == r"a \*cat\*"
    assert wording.prompt(None) == ""


def test_a_prompt_refused_for_its_content_names_nothing() -> None:
    assert wording.prompt_name(job(prompt="x"), 7) == "x"
    assert wording.prompt_name(job(prompt="x", state=JobState.MODERATED), 7) == "#7"
    assert wording.prompt_name(None, 7) == "#7"


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (45_000, "45 s"),
        (134_000, "2 min 14 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (2 * 86_400_000 + 3 * 3_600_000, "2 days 3 h"),
        (86_400_000, "1 day"),
        (-5, "0 s"),
    ],
)
def test_durations(milliseconds: int, words: str) -> None:
    assert wording.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(-5, "just now"), (59_999, "just now"), (180_000, "3 min ago"), (7_200_000, "2 h ago"), (86_400_000, "1 day ago")],
)
def test_ages(milliseconds: int, words: str) -> None:
    assert wording.age(milliseconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "1 KB"), (2048, "2 KB"), (10_485_760, "10 MB"), (12_900_000, "12.3 MB")],
)
def test_sizes(number: int, words: str) -> None:
    assert wording.size(number) == words


def test_states() -> None:
    assert wording.state(job(percent=46)) == "in progress: 46%"
    assert wording.state(job(percent=None)) == "in progress"
    assert wording.state(job(state=JobState.UNKNOWN, status="*odd*")) == r'"\*odd\*"'
    assert wording.state(None) == "not known yet"
    assert wording.state_of(CardStatus.ENDED, job(), Outcome.GIVEN_UP) == "given up"
    assert wording.state_of(CardStatus.PAUSED, job()) == "on hold"


@pytest.mark.parametrize("status", CardStatus)
@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_every_status_and_outcome_has_words(status: CardStatus, outcome: Outcome | None) -> None:
    assert wording.state_of(status, job(), outcome)


def test_enumerations_and_numbers() -> None:
    assert wording.enumeration(["a"]) == "a"
    assert wording.enumeration(["a", "", "b", "c"]) == "a, b and c"
    assert wording.count(1, "job", "jobs") == "1 job"
    assert wording.count(0, "job", "jobs") == "0 jobs"


def test_a_spoiler_is_not_closed_too_early() -> None:
    assert wording.spoiler(r"a\|") == r"||a\| ||"
    assert wording.spoiler("a") == "||a||"


@pytest.mark.parametrize(("ran_until", "shown"), [(60_000, "took 1 min 20 s"), (19_999, "")])
def test_how_long_a_job_took_that_tells_no_time(ran_until: int, shown: str) -> None:
    job = Job("job", JobState.COMPLETED, "completed", created=1, ran_until=ran_until, ended_by=80_001)
    assert shown in wording.facts(job)
    assert ("took" in wording.facts(job)) is bool(shown)


@pytest.mark.parametrize(("updated", "shown"), [(1001, "took 1 s"), (1000, ""), (1, "")])
def test_no_job_took_no_time(updated: int, shown: str) -> None:
    facts = wording.facts(Job("job", JobState.COMPLETED, "completed", created=1, updated=updated))
    assert shown in facts
    assert ("took" in facts) is bool(shown)
