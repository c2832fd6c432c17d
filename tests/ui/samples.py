"""Every post, made of nasty or of plain data, so that tests can walk them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import discord

from model.job import Embed, Job, JobState, Media, Outcome, Upload
from model.messages import (
    Address,
    BatchTally,
    CardPost,
    Cause,
    LateReason,
    LinkReason,
    NoticePost,
    Obstacle,
    OutcomePost,
    Post,
    SummaryEntry,
    SummaryPost,
    VideoFile,
    VideoLink,
)
from model.states import CardStatus, NoticeKind
from ui.command_texts import CommandMentions

NASTY = "@everyone <@1> **bold** ||x|| [a](https://evil.example) https://evil.example `c` \u202e\u200b\nline " * 5

Words = Callable[[str], str]
"""What the API or a member wrote into the field of this name."""


def nasty(_field: str) -> str:
    """The same everywhere, and made to break out."""
    return NASTY


_PLAIN = {
    "prompt": "A red fox in snow",
    "negative_prompt": "Blurry edges",
    "status": "upscaling",
    "style": "Anime",
    "aspect_ratio": "16:9",
    "character": "Momo",
    "image": "image/png",
    "button": "V2",
    "buttons": "U1",
    "content": "Rendering frames",
    "description": "Chosen voice",
    "filename": "clip.mp4",
    "content_type": "video/mp4",
    "error": "GPU lost",
    "error_details": "Node seven rebooted",
    "host": "files.example",
    "channel_name": "lounge",
    "jobid": "job:20260102030405-user:4321-bot:midjourney",
    "service": "Midjourney",
    "reference": "4f2a",
}


def plain(field: str) -> str:
    """Words as people write them, other ones in every field and none of the bot's own."""
    return _PLAIN[field]


JOBID = "user:4321-pixverse:me@example.com-video:112233445566"
HERE = Address(200_000_000_000_000_001, 300_000_000_000_000_002)
PERSON = 999_999_999_999_999_999
NOW = 1_790_000_000_000
MENTIONS = CommandMentions({"pixverse": 1_234_567_890_123_456_789, "pixverse-admin": 1_234_567_890_123_456_788})
NONCE = "0123456789abcdef012345678"
PERMISSIONS = ("View Channel", "Send Messages", "Send Messages in Threads", "Attach Files", "Read Message History")


def full_job(words: Words, state: JobState = JobState.PROGRESS) -> Job:
    return Job(
        JOBID,
        state,
        words("status") if state is JobState.UNKNOWN else state.value,
        verb="pixverse-button",
        created=NOW - 200_000,
        updated=NOW - 100_000,
        percent=46,
        prompt=words("prompt"),
        negative_prompt=words("negative_prompt"),
        style=words("style"),
        aspect_ratio=words("aspect_ratio"),
        seed=2_147_483_647,
        motion=5,
        character=words("character"),
        image=Upload(7_204_115, words("image")),
        face=Upload(10, "image/webp"),
        parent_jobid=JOBID,
        button=words("button"),
        buttons=("U2", words("buttons")) * 10,
        content=words("content"),
        embeds=tuple(Embed("rich", words("description"), f"https://a.example/{'i' * 900}{n}") for n in range(5)),
        media=tuple(
            Media(f"https://a.example/{'m' * 1200}{n}", words("content_type"), words("filename"), 7_204_115, 768, 768)
            for n in range(10)
        ),
        error=words("error"),
        error_details=words("error_details") + "more",
    )


BARE_JOB = Job("a-job", JobState.PROGRESS, "progress")
UNNAMED = tuple(
    replace(
        Job("a-job", state, state.value, verb=verb, aspect_ratio="1:1"),
        media=tuple(Media(f"https://a.example/{n}") for n in range(number)),
    )
    for verb, number in (("pixverse-create", 4), ("pixverse-create_single", 1), ("pixverse-animate", 1))
    for state in (JobState.PROGRESS, JobState.COMPLETED)
)
"""Jobs without a prompt."""


def jobs(words: Words) -> tuple[Job | None, ...]:
    return (
        None,
        BARE_JOB,
        full_job(words),
        full_job(words, JobState.UNKNOWN),
        full_job(words, JobState.MODERATED),
        full_job(words, JobState.COMPLETED),
        *(UNNAMED if words is plain else ()),  # nothing in them is words
    )


@cache
def named_jobs(words: Words) -> tuple[tuple[Job | None, ...], ...]:
    """Of each job, 500 with prompts of their own."""
    return tuple(tuple(nth(job, number) for number in range(500)) for job in jobs(words))


def nth(job: Job | None, number: int) -> Job | None:
    """The same job with a prompt of its own, where it has one."""
    if job is None or job.prompt is None:
        return job
    return replace(job, prompt=NASTY if job.prompt == NASTY else f"Fox{number} in snow{number}")


def cards(words: Words) -> Iterator[CardPost]:
    plainest = CardPost(1, 7, CardStatus.CREATED, None, NONCE, None)
    fullest = replace(
        plainest,
        asker=PERSON,
        since=NOW,
        until=NOW,
        missing=PERMISSIONS,
        outcome_message=PERSON,
        stopped_by=PERSON,
    )
    for job in jobs(words):
        for status in CardStatus:
            if status is not CardStatus.ENDED:
                yield replace(plainest, status=status, job=job)
                yield replace(fullest, status=status, job=job)
        for outcome in Outcome:
            yield replace(plainest, status=CardStatus.ENDED, job=job, outcome=outcome)
            yield replace(fullest, status=CardStatus.ENDED, job=job, outcome=outcome, has_video=False)


def summaries(words: Words) -> Iterator[SummaryPost]:
    for size in (1, 2, 25):
        for job in jobs(words):
            entries = tuple(
                SummaryEntry(n, CardStatus.UNKNOWN, nth(job, n), Outcome.FAILED, PERSON - n) for n in range(size)
            )
            running = tuple(SummaryEntry(n, CardStatus.CREATED, nth(job, n), None, None) for n in range(size))
            yield SummaryPost(1, PERSON, True, running, NONCE, done=0, open=True)
            yield SummaryPost(1, PERSON, True, entries, NONCE, done=1, open=False)
            yield SummaryPost(1, None, False, running, NONCE, done=0, open=True)
            yield SummaryPost(1, None, False, running, NONCE, done=0, open=True, stopped=size - 1)
            yield SummaryPost(1, None, False, entries, NONCE, done=size, open=False)
            yield SummaryPost(1, PERSON, False, entries, NONCE, done=size, open=False)
    job = full_job(words)
    for status in CardStatus:
        for outcome in Outcome if status is CardStatus.ENDED else (None,):
            alike = tuple(SummaryEntry(n, status, nth(job, n), outcome, PERSON - n) for n in range(3))
            yield SummaryPost(1, PERSON, True, alike, NONCE, done=0, open=True)
    every = tuple(SummaryEntry(n, status, nth(job, n), None, None) for n, status in enumerate(CardStatus))
    yield SummaryPost(1, PERSON, True, every, NONCE, done=0, open=True)


def link(words: Words, index: int, reason: LinkReason) -> VideoLink:
    url = f"https://media.pixverse.ai/{'v' * 700}{index}.mp4?ex=1&hm=2"
    return VideoLink(
        index, url, reason, 12_900_000, 10_485_760, NOW + 86_400_000, words("host"), words("content_type"), 3
    )


def outcomes(words: Words) -> Iterator[OutcomePost]:
    plainest = OutcomePost(7, JOBID, Outcome.COMPLETED, None, NONCE, NONCE)
    crowd = tuple(range(PERSON - 50, PERSON))
    fullest = replace(
        plainest,
        mention=crowd,
        spoiler=True,
        late=LateReason.API_DOWN,
        ended_at=NOW,
        watched_for=172_800_000,
        batch=BatchTally(25, 5, 1, 2, 5, 5, 10, crowd),
        reply_to=PERSON,
    )
    files = tuple(VideoFile(n, Path("a.mp4"), ".mp4", 10) for n in range(1, 5))
    for job in jobs(words):
        for post in (replace(plainest, job=job), replace(plainest, job=job, unasked=True), replace(fullest, job=job)):
            for without_api_text in (False, True):
                for outcome in Outcome:
                    yield replace(post, outcome=outcome, without_api_text=without_api_text)
                yield replace(post, files=files[:1], without_api_text=without_api_text)
                yield replace(post, files=files, without_api_text=without_api_text)
                for reason in LinkReason:
                    yield replace(post, links=(link(words, 1, reason),), without_api_text=without_api_text)
                    yield replace(
                        post, files=files[:3], links=(link(words, 4, reason),), without_api_text=without_api_text
                    )
                    yield replace(
                        post,
                        links=tuple(link(words, n, reason) for n in range(1, 11)),
                        without_api_text=without_api_text,
                    )
                every = tuple(link(words, n, reason) for n, reason in enumerate(LinkReason, 1))
                yield replace(post, links=every, without_api_text=without_api_text)
                no_address = replace(link(words, 1, LinkReason.TOO_LARGE), url="ftp://host/a.mp4")
                yield replace(post, links=(no_address,), without_api_text=without_api_text)
                mixed = (link(words, 1, LinkReason.TOO_LARGE), link(words, 2, LinkReason.EXPIRED))
                yield replace(post, links=mixed, without_api_text=without_api_text)


def notices(words: Words) -> Iterator[NoticePost]:
    for kind in NoticeKind:
        yield NoticePost(kind, NONCE)
        yield NoticePost(kind, NONCE, channel_id=HERE.channel_id, jobs=1, limit=500, followed=True)
        for alert in NoticeKind:
            over = NoticePost(kind, NONCE, jobs=2, channel_id=7, ends=3, alert=alert, lasted=61_000, until=NOW)
            yield from (over, replace(over, replaced=True))
        for jobs in (1, 500):
            yield NoticePost(
                kind,
                NONCE,
                (PERSON,),
                jobs,
                HERE.channel_id,
                words("channel_name"),
                PERMISSIONS,
                NOW,
                259_200_000,
                300_000,
            )
    for kind in (NoticeKind.REFUSED, NoticeKind.REDUCED):
        for cause in Cause:
            for without_files in (True, False):
                yield NoticePost(kind, NONCE, channel_id=7, cause=cause, without_files=without_files)
    for total in (1, 25):
        tally = BatchTally(total, videos=total, images=0, links=2, failed=1, refused=0, other=0, mention=())
        yield NoticePost(NoticeKind.BATCH_ENDED, NONCE, (PERSON,), tally=tally)
    for obstacle in Obstacle:
        yield NoticePost(NoticeKind.CANNOT_POST, NONCE, channel_id=7, jobs=2, missing=(obstacle,))


@cache
def posts(words: Words) -> tuple[Post, ...]:
    return (*cards(words), *summaries(words), *outcomes(words), *notices(words))


def components_of(view: discord.ui.View | discord.ui.LayoutView) -> list[dict[str, Any]]:
    """The view as it goes over the wire."""
    components: list[dict[str, Any]] = view.to_components()  # type: ignore[no-untyped-call, unused-ignore]
    return components


def text_of(view: discord.ui.LayoutView) -> str:
    texts = [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]
    return "\n".join(texts)
