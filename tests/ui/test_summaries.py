from __future__ import annotations

from dataclasses import replace

from model.job import Job, JobState, Outcome
from model.messages import Address, SummaryEntry, SummaryPost
from model.states import CardStatus
from tests.ui.samples import components_of
from ui import cards
from ui.cards import summary_text, summary_view
from ui.discord_limits import TEXT_DISPLAYS, units

HERE = Address(1, 2)
JOB = Job("a", JobState.PROGRESS, "progress", percent=46, prompt="a *cat*")
RUNNING = SummaryEntry(7, CardStatus.PROGRESS, JOB, None, None)
ENDED = SummaryEntry(8, CardStatus.ENDED, JOB, Outcome.COMPLETED, 9)
POST = SummaryPost(5, 42, True, (RUNNING, ENDED), "n", done=1, open=True)


def test_an_open_batch() -> None:
    assert summary_text(POST, HERE) == (
        "**Watching 1 of 2 jobs.** 1 has ended.\n"
        "**In progress: 46%** · a \\*cat\\*\n"
        "**Done** · a \\*cat\\* · [Result](https://discord.com/channels/1/2/9)\n"
        "-# Asked by <@42>. One ping at the end."
    )
    (box,) = components_of(summary_view(POST, HERE))
    assert [row["components"][0]["custom_id"] for row in box["components"][1:]] == ["batch:stop:5"]


def test_an_ended_batch_has_nothing_to_stop() -> None:
    ended = replace(POST, entries=(ENDED, ENDED), nonce="", done=2, open=False)
    assert summary_text(ended, HERE).startswith("**All 2 jobs have ended.**\n")
    assert summary_text(ended, HERE).endswith("\n-# Asked by <@42>.")
    (box,) = components_of(summary_view(ended, HERE))
    assert len(box["components"]) == 1
    stopped = replace(POST, nonce="", open=False)
    assert summary_text(stopped, HERE).startswith("**Stopped watching.** 1 job keeps running at PixVerse.\n")
    (box,) = components_of(summary_view(stopped, HERE))
    assert box["accent_color"] == cards.STOPPED.value
    begun = replace(POST, entries=(RUNNING, RUNNING), done=0)
    assert summary_text(begun, HERE).startswith("**Watching 2 jobs.**\n")


def test_a_stopped_job_is_not_counted_as_watched() -> None:
    stopped = SummaryEntry(9, CardStatus.STOPPED, JOB, None, None)
    post = replace(POST, entries=(RUNNING, ENDED, stopped), stopped=1)
    assert summary_text(post, HERE).startswith("**Watching 1 of 3 jobs.** 1 has ended.\n")
    assert summary_text(replace(post, entries=(RUNNING, RUNNING, stopped), done=0), HERE).startswith(
        "**Watching 2 of 3 jobs.**\n"
    )
    assert summary_text(replace(post, entries=(ENDED, stopped), open=False), HERE).startswith(
        "**Stopped watching.** 1 job keeps running at PixVerse.\n"
    )


def test_names_get_shorter_if_there_are_many() -> None:
    entry = replace(RUNNING, job=replace(JOB, state=JobState.UNKNOWN, status="s" * 60, prompt="p" * 100))
    text = summary_text(replace(POST, entries=(replace(entry, status=CardStatus.TOKEN_REFUSED),) * 40), HERE)
    assert units(text) <= TEXT_DISPLAYS
    assert text.count("\n") == 41


def test_a_batch_whose_jobs_are_all_watched_elsewhere_by_now() -> None:
    text = summary_text(replace(POST, entries=(), done=0, open=False), HERE)
    assert text == "**Ended.**\n-# Asked by <@42>."
