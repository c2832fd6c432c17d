from __future__ import annotations

from dataclasses import replace

import pytest

from model.job import Job, JobState, Outcome
from model.messages import Address, CardPost
from model.states import CardStatus
from tests.ui import samples
from tests.ui.samples import components_of
from ui.cards import card_text, card_view, summary_text

HERE = Address(1, 2)
JOB = Job(
    "job:1-bot:pixverse",
    JobState.PROGRESS,
    "progress",
    verb="pixverse-create_single",
    created=1_000_000,
    percent=46,
    prompt="a *cat*",
    style="Anime",
)
POST = CardPost(5, 7, CardStatus.PROGRESS, JOB, "n", asker=42)
FRAME = "> a \\*cat\\*\n-# created <t:1000:R> · 1 video · Anime · asked by <@42> · #7"
WORKING = ["card:check:5", "card:stop:5"]
WAITING = ["card:stop:5"]


def buttons(post: CardPost) -> list[str]:
    (box,) = components_of(card_view(post, HERE))
    rows = box["components"][1:]
    return [button["custom_id"] for row in rows for button in row["components"]]


@pytest.mark.parametrize(
    ("status", "changes", "head", "ids"),
    [
        (CardStatus.CREATED, {}, "**Waiting to start.**", WORKING),
        (CardStatus.STARTED, {}, "**Started.**", WORKING),
        (CardStatus.PROGRESS, {}, "**In progress: 46%.**", WORKING),
        (
            CardStatus.SLOW,
            {"until": 3_000_000},
            "**Taking longer than usual.** I'll keep watching until <t:3000:f>.",
            WORKING,
        ),
        (
            CardStatus.API_DOWN,
            {"since": 3_000_000},
            (
                "**On hold: PixVerse's API isn't answering.** It went down <t:3000:R>; I'll keep trying. "
                "Last known: In progress: 46%."
            ),
            WORKING,
        ),
        (
            CardStatus.TOKEN_REFUSED,
            {},
            (
                "**On hold: useapi.net refuses this server's API token.** I'll resume once an admin sets a new one. "
                "Last known: In progress: 46%."
            ),
            WAITING,
        ),
        (
            CardStatus.TOKEN_MISSING,
            {},
            (
                "**On hold: this server's API token has to be entered again.** I'll resume once an admin does that. "
                "Last known: In progress: 46%."
            ),
            WAITING,
        ),
        (
            CardStatus.UNPAID,
            {},
            (
                "**On hold: this server's useapi.net subscription has expired.** I'll resume once it's renewed. "
                "Last known: In progress: 46%."
            ),
            WAITING,
        ),
        (
            CardStatus.OTHER_ACCOUNT,
            {},
            ("**On hold: the new API token is for a different account.** An admin has to decide about this job."),
            WAITING,
        ),
        (
            CardStatus.PAUSED,
            {},
            "**On hold: this bot is paused.** The job keeps running; I'll post the result when I'm back.",
            [],
        ),
        (CardStatus.FETCHING, {}, "**Finished.** Fetching the video …", []),
        (
            CardStatus.CANNOT_POST,
            {"missing": ("Send Messages", "Attach Files"), "until": 3_000_000},
            (
                "**Finished, but I can't post the result here.** I need: *Send Messages* and *Attach Files*. "
                "If someone with *Manage Server* fixes that by <t:3000:f>, I'll post it."
            ),
            [],
        ),
    ],
)
def test_an_open_card(status: CardStatus, changes: dict[str, object], head: str, ids: list[str]) -> None:
    post = replace(POST, status=status, **changes)  # type: ignore[arg-type]
    assert card_text(post, HERE) == f"{head}\n{FRAME}"
    assert buttons(post) == ids


def test_progress_without_a_percentage_shows_none() -> None:
    post = replace(POST, job=replace(JOB, percent=None))
    assert card_text(post, HERE).startswith("**In progress.**\n")


def test_an_unknown_status_is_shown_escaped() -> None:
    post = replace(POST, status=CardStatus.UNKNOWN, job=replace(JOB, state=JobState.UNKNOWN, status="on_the_way"))
    assert card_text(post, HERE).startswith(
        "**PixVerse says \"on\\_the\\_way\".** I don't know that state; I'll keep watching."
    )


def test_a_card_of_a_job_without_any_facts() -> None:
    post = replace(POST, status=CardStatus.NO_ANSWER_YET, job=None, asker=None)
    assert card_text(post, HERE).split("\n")[1:] == ["-# #7"]
    assert buttons(post) == WORKING


@pytest.mark.parametrize(
    ("outcome", "has_video", "text"),
    [
        (Outcome.COMPLETED, True, "**Done.** {jump}\n> a \\*cat\\*"),
        (Outcome.COMPLETED, False, "**Finished without a video.** {jump}\n> a \\*cat\\*"),
        (Outcome.MODERATED, True, "**Refused by the content rules.** {jump}"),
        (Outcome.FAILED, True, "**Failed.** {jump}\n> a \\*cat\\*"),
        (Outcome.CANCELLED, True, "**Cancelled.** {jump}\n> a \\*cat\\*"),
        (Outcome.EXPIRED, True, "**No result.** {jump}\n> a \\*cat\\*"),
        (Outcome.NOT_FOUND, True, "**No result.** {jump}\n> a \\*cat\\*"),
        (Outcome.GIVEN_UP, True, "**No result.** {jump}\n> a \\*cat\\*"),
    ],
)
def test_an_ended_card_shrinks_to_a_link(outcome: Outcome, has_video: bool, text: str) -> None:
    post = replace(POST, status=CardStatus.ENDED, outcome=outcome, has_video=has_video, outcome_message=9)
    assert card_text(post, HERE) == text.format(jump="[Jump to the result](https://discord.com/channels/1/2/9)")
    assert buttons(post) == []


def test_a_stopped_card_can_be_watched_again() -> None:
    post = replace(POST, status=CardStatus.STOPPED, stopped_by=8)
    assert card_text(post, HERE) == ("**Stopped watching** (<@8>). The job keeps running at PixVerse.\n> a \\*cat\\*")
    assert buttons(post) == ["card:again:5"]
    assert card_text(replace(post, stopped_by=None), HERE).startswith("**Stopped watching.** The job")


V2_ID = "user:4321-pixverse:me@example.com-video:112233445566"
V2 = Job(
    V2_ID,
    JobState.CREATED,
    "QUEUED",
    prompt="a boat",
    model="v5",
    quality="720p",
    duration=5,
    aspect_ratio="16:9",
    seed=7,
    sound=True,
    queue_place=3,
)


@pytest.mark.parametrize(
    ("status", "job", "head"),
    [
        (CardStatus.CREATED, V2, "**In the queue, place 3.**"),
        (CardStatus.CREATED, replace(V2, queue_place=None), "**Waiting to start.**"),
        (CardStatus.PROGRESS, replace(V2, state=JobState.PROGRESS, elapsed=150), "**In progress for 2 min 30 s.**"),
        (CardStatus.PROGRESS, replace(V2, state=JobState.PROGRESS), "**In progress.**"),
    ],
)
def test_a_v2_card_shows_v2_s_facts_and_no_address(status: CardStatus, job: Job, head: str) -> None:
    text = card_text(replace(POST, status=status, job=job), HERE)
    assert text == (f"{head}\n> a boat\n-# v5 · 720p · 5 s · 16:9 · seed 7 · with sound · asked by <@42> · #7")


@pytest.mark.parametrize("status", CardStatus)
def test_a_card_on_hold_is_amber(status: CardStatus) -> None:
    post = replace(POST, status=status)
    (box,) = components_of(card_view(post, HERE))
    if card_text(post, HERE).startswith("**On hold"):
        assert box["accent_color"] == 0xC98A00


def test_without_the_api_s_text_cards_and_summaries_show_none() -> None:
    def words(field: str) -> str:
        return f"{samples.plain(field)} zebra"

    for card in samples.cards(words):
        assert "zebra" not in card_text(replace(card, without_api_text=True), HERE)
    for summary in samples.summaries(words):
        job = replace(samples.full_job(words, JobState.UNKNOWN), prompt="zebra")
        entries = tuple(replace(entry, job=job) for entry in summary.entries)
        assert "zebra" not in summary_text(replace(summary, entries=entries, without_api_text=True), HERE)


def test_a_refused_prompt_is_never_shown_openly() -> None:
    """The card of a job whose outcome can't be posted says more than that of any other ended job."""
    post = replace(POST, job=replace(JOB, state=JobState.MODERATED), outcome=Outcome.MODERATED)
    for status in CardStatus:
        text = card_text(replace(post, status=status), HERE)
        assert r"a \*cat\*" not in text.replace(r"||a \*cat\*||", ""), status
