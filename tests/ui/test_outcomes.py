from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.job import Job, JobState, Media, Outcome
from model.messages import BatchTally, LateReason, LinkReason, OutcomePost, VideoFile, VideoLink
from ui.command_texts import CommandMentions
from ui.discord_limits import ALT_TEXT, MESSAGE, units
from ui.outcomes import outcome_message

MENTIONS = CommandMentions({"pixverse": 11})
JOB = Job(
    "job:1-bot:pixverse",
    JobState.COMPLETED,
    "completed",
    verb="pixverse-create",
    created=0,
    updated=134_000,
    prompt="a *cat*",
    aspect_ratio="16:9",
    error="Bad frame",
    error_details="At 3 s",
    media=(Media("https://cdn.discordapp.com/a.mp4"),),
)
POST = OutcomePost(7, JOB.jobid, Outcome.COMPLETED, JOB, "a" * 25, "b" * 25, mention=(42,))
FILES = tuple(VideoFile(number, Path(f"{number}.bin"), ".mp4", 10) for number in range(1, 5))
LINK = VideoLink(
    3,
    "https://cdn.discordapp.com/a.mp4?ex=1",
    LinkReason.TOO_LARGE,
    12_900_000,
    10_485_760,
    3_000_000,
    "h.example",
    "text/html",
    3,
)
QUOTE = "> a \\*cat\\*"
URL = LINK.url


def identity(word: str) -> str:
    return f"{word} · #7 · job:1-bot:pixverse"


def content(post: OutcomePost) -> str:
    text = outcome_message(post, MENTIONS).content
    assert text is not None
    return text


def test_one_video() -> None:
    message = outcome_message(replace(POST, files=FILES[:1], reply_to=5), MENTIONS)
    assert message.content == (
        f"**Your video is ready.** <@42>\n{QUOTE}\n-# 16:9 · took 2 min 14 s · {identity('completed')}"
    )
    assert message.mention == (42,)
    assert message.known_by == f"outcome:details:{'b' * 25}"
    assert message.reply_to == 5
    assert [(file.name, file.description) for file in message.files] == [
        ("pixverse-7-1.mp4", "Video 1 of 1, made by PixVerse. Prompt: a *cat*")
    ]
    assert message.suppress_embeds


def test_if_nobody_asked_it_is_a_new_video() -> None:
    unasked = replace(POST, mention=(), unasked=True)

    def said(**parts: Any) -> str:
        return str(outcome_message(replace(unasked, **parts), MENTIONS).content)

    assert said(files=FILES[:1]) == (f"**New video.**\n{QUOTE}\n-# 16:9 · took 2 min 14 s · {identity('completed')}")
    assert said(files=FILES).startswith("**4 new videos.**\n")
    assert said(files=FILES[:1], without_api_text=True).startswith("**New video.**\n")
    for reason, start in (
        (LinkReason.TOO_LARGE, "**New video, as a link.** It's"),
        (LinkReason.EXPIRED, "**New video, but its link has expired.**"),
        (LinkReason.HOST_NOT_ALLOWED, "**New video, but I may not fetch it.**"),
    ):
        assert said(links=(replace(LINK, reason=reason),)).startswith(start)
    assert said(outcome=Outcome.FAILED, job=None).startswith("**The job failed.** PixVerse gave no reason;")


def test_four_videos() -> None:
    job = replace(JOB, verb="pixverse-create_single", media=JOB.media * 4)
    message = outcome_message(replace(POST, job=job, files=FILES, spoiler=True, mention=()), MENTIONS)
    assert message.content == (
        f"**Your 4 videos are ready.**\n{QUOTE}\n"
        f"-# in PixVerse's order · 16:9 · took 2 min 14 s · {identity('completed')}"
    )
    assert [file.name for file in message.files] == [f"SPOILER_pixverse-7-{number}.mp4" for number in range(1, 5)]


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (
            LinkReason.TOO_LARGE,
            (
                "**Your video is ready, as a link.** <@42> It's 12.3 MB; this server's limit is 10 MB.\n"
                f"{QUOTE}\n{URL}\n-# Link works until <t:3000:f>; </pixverse status:11> renews it · "
                f"{identity('completed')}"
            ),
        ),
        (
            LinkReason.MAY_NOT_ATTACH,
            (
                "**Your video is ready, as a link.** <@42> Someone with *Manage Server* can allow *Attach Files* here."
                f"\n{QUOTE}\n{URL}\n-# Link works until <t:3000:f> · "
                f"{identity('completed')}"
            ),
        ),
        (
            LinkReason.EXPIRED,
            (
                "**Your video's link has expired.** <@42> It was made <t:134:R>. "
                f"The PixVerse account's owner can still download it there.\n{QUOTE}\n{URL}\n-# {identity('completed')}"
            ),
        ),
        (
            LinkReason.HOST_NOT_ALLOWED,
            (
                "**Your video is ready, but I may not fetch it.** <@42> It's on `h.example`, "
                "which this bot's operator "
                f"hasn't allowed.\n{QUOTE}\n{URL}\n-# {identity('completed')}"
            ),
        ),
        (
            LinkReason.NOT_A_VIDEO,
            (
                "**Finished, but the file isn't a video.** <@42> Its host calls it text/html.\n"
                f"{QUOTE}\n{URL}\n-# {identity('completed')}"
            ),
        ),
        (
            LinkReason.FETCH_FAILED,
            (
                f"**Your video is ready, as a link.** <@42> Downloading it failed 3 times.\n{QUOTE}\n"
                f"{URL}\n-# Link works until <t:3000:f> · {identity('completed')}"
            ),
        ),
    ],
)
def test_the_only_video_is_not_attached(reason: LinkReason, text: str) -> None:
    message = outcome_message(replace(POST, links=(replace(LINK, reason=reason),), ended_at=134_000), MENTIONS)
    assert message.content == text
    assert message.suppress_embeds == (reason in {LinkReason.EXPIRED, LinkReason.HOST_NOT_ALLOWED})


def test_a_limit_that_reads_like_the_size_is_not_shown() -> None:
    link = replace(LINK, size=57_344, limit=57_343)
    assert "It's 56 KB, just over this server's limit." in content(replace(POST, links=(link,)))


def test_links_to_hosts_that_are_not_allowed_are_named_and_not_embedded() -> None:
    foreign = replace(LINK, index=2, reason=LinkReason.HOST_NOT_ALLOWED, url="https://h.example/2.mp4")
    other = replace(foreign, index=4, url="https://i.example/4.mp4", host="i.example")
    message = outcome_message(replace(POST, files=(FILES[0],), links=(foreign, LINK, other)), MENTIONS)
    assert message.content is not None
    assert "Numbers 2 and 4: They're on `h.example` and `i.example`, which" in message.content
    assert "-# Link works until <t:3000:f>; </pixverse status:11> renews it · " in message.content
    assert message.content.split("\n")[-4:-1] == [foreign.url, URL, other.url]
    assert message.suppress_embeds


def test_some_of_four_are_links() -> None:
    text = content(replace(POST, files=(*FILES[:2], FILES[3]), links=(LINK,)))
    assert text == (
        "**Your 4 videos are ready, number 3 as a link.** <@42> It's 12.3 MB; this server's limit is 10 MB."
        f"\n{QUOTE}\n{URL}\n-# Link works until <t:3000:f>; </pixverse status:11> renews it · {identity('completed')}"
    )
    two = (LINK, replace(LINK, index=4, expires_at=2_000_000))
    assert content(replace(POST, files=FILES[:2], links=two)).split("\n") == [
        (
            "**Your 4 videos are ready, numbers 3 and 4 as links.** <@42> "
            "They're too large; this server's limit is 10 MB."
        ),
        QUOTE,
        URL,
        URL,
        f"-# Links work until <t:2000:f>; </pixverse status:11> renews them · {identity('completed')}",
    ]


def test_the_link_of_a_spoiler_is_behind_a_click() -> None:
    assert f"\n|| {URL} ||\n-# " in content(replace(POST, links=(LINK,), spoiler=True))


@pytest.mark.parametrize(
    ("outcome", "head"),
    [
        (
            Outcome.COMPLETED,
            ("**Finished, but without a video.** <@42> PixVerse sent no file. You can start the job again."),
        ),
        (Outcome.FAILED, "**The job failed.** <@42> You can start it again.\nPixVerse says: Bad frame At 3 s"),
        (
            Outcome.CANCELLED,
            "**The job was cancelled.** <@42> Someone stopped it at PixVerse or useapi.net.",
        ),
        (
            Outcome.EXPIRED,
            ("**The job has expired.** <@42> useapi.net keeps jobs for 31 days."),
        ),
        (
            Outcome.NOT_FOUND,
            (
                "**useapi.net no longer has this job.** <@42> If the API token "
                "was changed, it may belong to the old account."
            ),
        ),
        (
            Outcome.GIVEN_UP,
            (
                '**I stopped watching after 2 days.** <@42> PixVerse still says "completed". '
                "</pixverse status:11> takes it up again."
            ),
        ),
    ],
)
def test_an_end_without_a_video(outcome: Outcome, head: str) -> None:
    text = content(replace(POST, outcome=outcome, watched_for=172_800_000))
    assert text == f"{head}\n{QUOTE}\n-# {identity(outcome.value)}"


def test_a_moderated_prompt_is_behind_a_spoiler() -> None:
    assert content(replace(POST, outcome=Outcome.MODERATED)) == (
        "**Refused by PixVerse's content rules.** <@42> Change the "
        "prompt or the image, then start a new job.\nPixVerse says: Bad frame At 3 s\nPrompt: ||a \\*cat\\*||\n"
        f"-# {identity('moderated')}"
    )


def test_a_failure_without_a_reason_says_so() -> None:
    post = replace(POST, outcome=Outcome.FAILED, job=replace(JOB, error=None, error_details=None))
    assert content(post) == (
        f"**The job failed.** <@42> PixVerse gave no reason; you can start it again.\n{QUOTE}\n-# {identity('failed')}"
    )


def test_the_same_reason_is_shown_once() -> None:
    post = replace(POST, outcome=Outcome.FAILED, job=replace(JOB, error="Same", error_details="Same"))
    assert "\nPixVerse says: Same\n" in content(post)


def test_a_numeric_reason_is_called_an_error_code() -> None:
    failed = replace(JOB, state=JobState.FAILED, error="broken", error_details="500")
    post = replace(POST, outcome=Outcome.FAILED, job=failed)
    assert "\nPixVerse says: broken error code 500\n" in content(post)


@pytest.mark.parametrize("outcome", [Outcome.COMPLETED, Outcome.MODERATED])
def test_an_address_in_the_prompt_is_masked(outcome: Outcome) -> None:
    post = replace(POST, outcome=outcome, files=FILES[:1], job=replace(JOB, prompt="for me@example.com"))
    message = outcome_message(post, MENTIONS)
    assert "for m…\\@…" in (message.content or "")
    assert all(file.description.endswith("for m…@…") for file in message.files)
    assert "example" not in repr(message)


def test_an_address_in_the_reason_is_masked() -> None:
    job = replace(JOB, error="me@example.com may not", error_details="user:1-pixverse:me@example.com-video:5")
    text = content(replace(POST, outcome=Outcome.FAILED, job=job)).replace("\\", "")
    assert "\nPixVerse says: m…@… may not user:1-pixverse:m…@…-video:5\n" in text


def test_the_last_outcome_of_a_batch_has_the_tally_and_the_ping() -> None:
    message = outcome_message(
        replace(POST, files=FILES[:1], mention=(), batch=BatchTally(7, 2, 1, 1, 2, 1, 1, (8,))), MENTIONS
    )
    assert message.content is not None
    assert message.content.startswith("**Your video is ready.**\n")
    tally = "**All 7 jobs have ended:** 2 videos, 1 image, 1 as a link, 2 failed, 1 refused, 1 without a result. <@8>"
    assert tally in message.content.split("\n")
    assert message.mention == (8,)


def test_a_batch_of_one_shows_only_the_ping() -> None:
    alone = replace(POST, files=FILES[:1], mention=(), batch=BatchTally(1, 1, 0, 0, 0, 0, 0, (8,)))
    message = outcome_message(alone, MENTIONS)
    assert message.content is not None
    assert message.content.startswith("**Your video is ready.** <@8>\n")
    assert "ended" not in message.content
    assert message.mention == (8,)


def test_a_late_outcome_says_why() -> None:
    posting = replace(POST, files=FILES[:1], late=LateReason.POSTING, ended_at=134_000)
    assert content(posting).split("\n")[-2:-1] == ["-# Late: it ended <t:134:R>. Posting it took that long."]
    post = replace(POST, files=FILES[:1], late=LateReason.OFFLINE, ended_at=134_000)
    assert content(post).split("\n")[-2:-1] == ["-# Late: it ended <t:134:R>. This bot was offline."]


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (
            Outcome.COMPLETED,
            "**Your 4 videos are ready.** <@42>\n-# Something in the prompt couldn't be shown here · completed · #7",
        ),
        (
            Outcome.MODERATED,
            (
                "**Refused by PixVerse's content rules.** <@42>\n"
                "-# Something in the details couldn't be shown here · moderated · #7"
            ),
        ),
    ],
)
def test_the_fallback_contains_no_text_of_the_api(outcome: Outcome, text: str) -> None:
    files = FILES if outcome is Outcome.COMPLETED else ()
    message = outcome_message(replace(POST, outcome=outcome, files=files, without_api_text=True), MENTIONS)
    assert message.content == text
    assert not any("cat" in file.description for file in message.files)


@pytest.mark.parametrize(("number", "told"), [(1, "· the link is under Details"), (4, "· the links are under Details")])
def test_the_fallback_for_links_points_to_details(number: int, told: str) -> None:
    text = content(replace(POST, links=(LINK,) * number, without_api_text=True))
    assert URL not in text
    assert told in text


def test_links_too_long_for_a_message_are_under_details() -> None:
    long = replace(LINK, url=f"https://media.pixverse.ai/{'x' * 700}")
    post = replace(POST, links=tuple(replace(long, index=index) for index in range(1, 5)))
    assert "\nThe links are too long to show here; press Details.\n-# " in content(post)


def test_one_link_too_long_for_a_message_is_under_details() -> None:
    long = replace(LINK, url=f"https://h.example/{'v' * 1470}.mp4")
    crowd = tuple(range(10**18, 10**18 + 12))
    post = replace(POST, links=(long,), mention=crowd, late=LateReason.TOKEN, ended_at=0, spoiler=True)
    assert "\nThe link is too long to show here; press Details.\n-# " in content(post)


@pytest.mark.parametrize("reason", [LinkReason.TOO_LARGE, LinkReason.EXPIRED])
def test_with_many_links_the_state_gives_no_numbers(reason: LinkReason) -> None:
    links = tuple(replace(LINK, index=number, reason=reason) for number in range(2, 6))
    assert content(replace(POST, files=FILES[:1], links=links)).startswith(
        "**Your 5 videos are ready, not all of them as files.** <@42> Numbers 2, 3, 4 and 5: "
    )


def test_a_link_without_an_address_is_under_details() -> None:
    nowhere = replace(LINK, url="ftp://h.example/a.mp4", size=None, limit=None)
    assert content(replace(POST, links=(nowhere,))).startswith(
        "**Your video is ready, as a link.** <@42> It's too large. Press Details to see it."
    )


def test_nobody_is_pinged_who_is_not_named() -> None:
    crowd = tuple(range(10**18, 10**18 + 150))
    message = outcome_message(replace(POST, files=FILES, mention=crowd), MENTIONS)
    assert message.content is not None
    assert units(message.content) <= MESSAGE
    assert 60 <= len(message.mention) <= 100
    assert all(f"<@{person}>" in message.content for person in message.mention)
    assert message.content.count("<@") == len(message.mention)


@pytest.mark.parametrize(("askers", "words"), [(81, "1 other person"), (130, "50 other people")])
def test_people_without_room_for_a_ping_are_counted(askers: int, words: str) -> None:
    message = outcome_message(replace(POST, files=FILES[:1], mention=tuple(range(askers))), MENTIONS)
    assert len(message.mention) == 80
    assert f"\n-# {words} asked too, but I can't ping that many at once." in (message.content or "")
    everybody = outcome_message(replace(POST, files=FILES[:1], mention=tuple(range(80))), MENTIONS)
    assert "waited for this" not in (everybody.content or "")


def test_the_prompt_is_shortened_first() -> None:
    job = replace(JOB, prompt="p" * 500, error="e" * 500, error_details="d" * 500)
    crowd = tuple(range(10**18, 10**18 + 50))
    text = content(replace(POST, outcome=Outcome.FAILED, job=job, mention=crowd))
    assert units(text) <= MESSAGE
    assert "p" * 59 + "…" in text
    assert "e" * 99 in text
    assert text.endswith(identity("failed"))


def test_alt_text_keeps_its_limit() -> None:
    message = outcome_message(replace(POST, files=FILES, job=replace(JOB, prompt="p" * 2000)), MENTIONS)
    assert all(units(file.description) <= ALT_TEXT for file in message.files)
    assert message.files[3].description.startswith("Video 4 of 4, made by PixVerse. Prompt: ppp")


def test_an_image_is_called_one() -> None:
    job = replace(JOB, verb=None, media=(Media("https://media.pixverse.ai/a.png", "image/png", image=True),))
    post = replace(POST, job=job, files=(VideoFile(1, Path("1.bin"), ".png", 10),))
    message = outcome_message(post, MENTIONS)
    assert message.content is not None
    assert message.content.startswith("**Your image is ready.** <@42>\n")
    (file,) = message.files
    assert (file.name, file.description) == ("pixverse-7-1.png", "Image 1 of 1, made by PixVerse. Prompt: a *cat*")


def test_a_job_that_was_never_seen_is_reported_as_never_found() -> None:
    """It was asked for while the API could not be asked."""
    post = replace(POST, outcome=Outcome.NOT_FOUND, job=None, files=(), mention=())
    content = outcome_message(post, MENTIONS).content or ""
    assert content.startswith("**I couldn't find this job.** Check the id")
    assert "any more" not in content
    assert "no longer" not in content
    known = outcome_message(replace(post, job=POST.job), MENTIONS).content or ""
    assert known.startswith("**useapi.net no longer has this job.**")
