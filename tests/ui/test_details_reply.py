from __future__ import annotations

from dataclasses import replace

import pytest

from model.job import Embed, Job, JobState, Media, Outcome, Upload
from relay.commands.job_queries import JobDetails
from ui.details_reply import details_replies
from ui.discord_limits import MESSAGE, units

JOB = Job(
    "job:2-bot:pixverse",
    JobState.COMPLETED,
    "completed",
    verb="pixverse-animate",
    created=1_000_000,
    updated=2_000_000,
    prompt="a *cat*",
    negative_prompt="dogs",
    style="Anime",
    aspect_ratio="16:9",
    seed=0,
    motion=5,
    character="eula",
    image=Upload(2048, "image/png"),
    parent_jobid="job:1-bot:pixverse",
    button="U1",
    buttons=("U1", "ReDo"),
    content="<@123> (prompt: cat)",
    embeds=(Embed("rich", "hello", "https://a.example/i.png"),),
    media=(Media("https://a.example/v.mp4", "video/mp4", "v.mp4", 10_485_760, 768, 432),),
)
DETAILS = JobDetails(7, JOB.jobid, JOB, Outcome.COMPLETED, 900_000, 3_000_000)


def test_every_known_field_is_shown_in_the_api_s_order() -> None:
    pages = [answer.content for answer in details_replies(DETAILS)]
    assert "\n".join(pages).split("\n") == [
        "**Done.**",
        "parentJobId: job:1-bot:pixverse",
        "verb: pixverse-animate",
        "status: completed",
        "created: <t:1000:f>",
        "updated: <t:2000:f>",
        "prompt: a \\*cat\\*",
        "negative_prompt: dogs",
        "motion: 5",
        "seed_value: 0",
        "image: 2 KB · image/png",
        "button: U1",
        "buttons: U1, ReDo",
        "style: Anime",
        "aspect_ratio: 16:9",
        "character: eula",
        "content: \\<\\@123\\> (prompt: cat)",
        "attachment 1: v.mp4 · video/mp4 · 10 MB · 768 × 432 · <https://a.example/v.mp4>",
        "embed 1: rich · hello · <https://a.example/i.png>",
        "watched since: <t:900:f>",
        "end seen: <t:3000:f>",
        "-# #7 · job:2-bot:pixverse",
    ]
    assert len(pages) == 1


def test_content_that_was_refused_is_behind_a_spoiler() -> None:
    job = replace(JOB, state=JobState.MODERATED, media=(), embeds=(), negative_prompt="a dog")
    text = "\n".join(answer.content for answer in details_replies(replace(DETAILS, job=job)))
    assert "\nprompt: ||a \\*cat\\*||\nnegative_prompt: ||a dog||\n" in text
    assert "content: ||" in text


def test_a_job_without_any_fields() -> None:
    (answer,) = details_replies(replace(DETAILS, job=None, outcome=Outcome.EXPIRED))
    assert answer.content == (
        "**Expired.**\nwatched since: <t:900:f>\nend seen: <t:3000:f>\n-# #7 · job:2-bot:pixverse"
    )


def test_long_fields_come_in_several_messages() -> None:
    job = replace(
        JOB, prompt="p" * 3000, negative_prompt="n" * 3000, content="c" * 3000, media=JOB.media * 10, error="e" * 3000
    )
    pages = [answer.content for answer in details_replies(replace(DETAILS, job=job))]
    assert all(units(page) <= MESSAGE for page in pages)
    assert "attachment 10: " in "".join(pages)


@pytest.mark.parametrize("length", [1300, 1470, 1600])
def test_a_link_that_no_outcome_can_show_is_shown_here(length: int) -> None:
    link = f"https://a.example/{'v' * (length - 22)}.mp4"
    job = replace(JOB, media=(replace(JOB.media[0], url=link, filename="f" * 100, content_type="t" * 80),))
    pages = [reply.content for reply in details_replies(replace(DETAILS, job=job, jobid="j" * 300))]
    assert f"<{link}>" in "".join(pages)
    assert all(units(page) <= MESSAGE for page in pages)


def test_v2_s_fields_are_shown_too() -> None:
    job = replace(JOB, model="v5", quality="720p", duration=5, sound=False)
    text = "\n".join(answer.content for answer in details_replies(replace(DETAILS, job=job)))
    for line in ("model: v5", "quality: 720p", "duration: 5 s", "sound: no"):
        assert f"\n{line}\n" in text


def test_addresses_in_the_api_s_text_are_masked() -> None:
    words = "user:1-pixverse:me@example.com-video:5"
    job = replace(
        JOB,
        prompt=words,
        negative_prompt=words,
        content=words,
        error=words,
        error_details=words,
        embeds=(Embed("rich", words, None),),
    )
    text = "".join(answer.content for answer in details_replies(replace(DETAILS, job=job))).replace("\\", "")
    assert text.count("user:1-pixverse:m…@…-video:5") == 6
    assert "me@example.com" not in text


def test_a_job_that_was_given_up_shows_no_end() -> None:
    given_up = replace(DETAILS, outcome=Outcome.GIVEN_UP, ended_at=None)
    text = "\n".join(answer.content for answer in details_replies(given_up))
    assert text.startswith("**Given up.**")
    assert "watched since: <t:900:f>" in text
    assert "end seen" not in text
