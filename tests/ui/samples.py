"""Every post, made of nasty data, so that tests can walk them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord

from pixverse.job import Embed, Job, JobState, Media, Upload
from relay.messages import (
    Address,
    BatchTally,
    CardPost,
    NoticePost,
    OutcomePost,
    Post,
    SummaryEntry,
    SummaryPost,
    VideoFile,
    VideoLink,
)
from relay.outcomes import Face, LateReason, LinkReason, NoticeKind, Outcome
from ui.mentions import CommandMentions

NASTY = "@everyone <@1> **bold** ||x|| [a](https://evil.example) https://evil.example `c` \u202e\u200b\nline " * 5
JOBID = "user:4321-pixverse:me@example.com-video:112233445566"
HERE = Address(200_000_000_000_000_001, 300_000_000_000_000_002)
PERSON = 999_999_999_999_999_999
NOW = 1_790_000_000_000
MENTIONS = CommandMentions({"pixverse": 1_234_567_890_123_456_789, "pixverse-admin": 1_234_567_890_123_456_788})
NONCE = "0123456789abcdef012345678"
PERMISSIONS = ("View Channel", "Send Messages", "Send Messages in Threads", "Attach Files", "Read Message History")


def full_job(state: JobState = JobState.PROGRESS) -> Job:
    return Job(
        JOBID,
        state,
        NASTY if state is JobState.UNKNOWN else state.value,
        verb="pixverse-button",
        created=NOW - 200_000,
        updated=NOW - 100_000,
        percent=46,
        prompt=NASTY,
        negative_prompt=NASTY,
        style=NASTY,
        aspect_ratio=NASTY,
        seed=2_147_483_647,
        motion=5,
        character=NASTY,
        image=Upload(7_204_115, NASTY),
        face=Upload(10, "image/png"),
        parent_jobid=JOBID,
        button=NASTY,
        buttons=("U1", NASTY) * 10,
        content=NASTY,
        embeds=(Embed("rich", NASTY, "https://a.example/" + "i" * 900),) * 5,
        media=tuple(Media("https://a.example/" + "m" * 1200, NASTY, NASTY, 7_204_115, 768, 768) for _ in range(10)),
        error=NASTY,
        error_details=NASTY + "more",
    )


BARE_JOB = Job("a-job", JobState.PROGRESS, "progress")
JOBS = (
    None,
    BARE_JOB,
    full_job(),
    full_job(JobState.UNKNOWN),
    full_job(JobState.MODERATED),
    full_job(JobState.COMPLETED),
)


def cards() -> Iterator[CardPost]:
    plainest = CardPost(1, 7, JOBID, Face.CREATED, None, NONCE, None)
    fullest = replace(
        plainest,
        asker=PERSON,
        since=NOW,
        until=NOW,
        missing=PERMISSIONS,
        outcome_message=PERSON,
        stopped_by=PERSON,
        changed_at=NOW,
    )
    for job in JOBS:
        for face in Face:
            if face is not Face.ENDED:
                yield replace(plainest, face=face, job=job)
                yield replace(fullest, face=face, job=job)
        for outcome in Outcome:
            yield replace(plainest, face=Face.ENDED, job=job, outcome=outcome)
            yield replace(fullest, face=Face.ENDED, job=job, outcome=outcome, has_video=False)


def summaries() -> Iterator[SummaryPost]:
    for size in (1, 2, 25):
        for job in JOBS:
            entries = tuple(SummaryEntry(n, JOBID, Face.UNKNOWN, job, Outcome.FAILED, PERSON) for n in range(size))
            running = tuple(SummaryEntry(n, JOBID, Face.CREATED, job, None, None) for n in range(size))
            yield SummaryPost(1, PERSON, True, running, NONCE, done=0, open=True)
            yield SummaryPost(1, PERSON, True, entries, NONCE, done=1, open=False)
            yield SummaryPost(1, None, False, running, NONCE, done=0, open=True)
            yield SummaryPost(1, None, False, entries, NONCE, done=size, open=False)
            yield SummaryPost(1, PERSON, False, entries, NONCE, done=size, open=False)


def link(index: int, reason: LinkReason) -> VideoLink:
    url = f"https://media.pixverse.ai/{'v' * 700}{index}.mp4?ex=1&hm=2"
    return VideoLink(index, url, reason, 12_900_000, 10_485_760, NOW, NASTY, NASTY, 3)


def outcomes() -> Iterator[OutcomePost]:
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
    for job in JOBS:
        for post in (replace(plainest, job=job), replace(plainest, job=job, unasked=True), replace(fullest, job=job)):
            for wordless in (False, True):
                for outcome in Outcome:
                    yield replace(post, outcome=outcome, wordless=wordless)
                yield replace(post, files=files[:1], wordless=wordless)
                yield replace(post, files=files, wordless=wordless)
                for reason in LinkReason:
                    yield replace(post, links=(link(1, reason),), wordless=wordless)
                    yield replace(post, files=files[:3], links=(link(4, reason),), wordless=wordless)
                    yield replace(post, links=tuple(link(n, reason) for n in range(1, 11)), wordless=wordless)
                every = tuple(link(n, reason) for n, reason in enumerate(LinkReason, 1))
                yield replace(post, links=every, wordless=wordless)


def notices() -> Iterator[NoticePost]:
    for kind in NoticeKind:
        yield NoticePost(kind, NONCE)
        yield NoticePost(kind, NONCE, channel_id=HERE.channel_id, jobs=1, limit=500, followed=True)
        for jobs in (1, 500):
            yield NoticePost(
                kind, NONCE, (PERSON,), jobs, HERE.channel_id, NASTY, PERMISSIONS, NOW, 259_200_000, 300_000
            )


def posts() -> Iterator[Post]:
    yield from cards()
    yield from summaries()
    yield from outcomes()
    yield from notices()


def components_of(view: discord.ui.View | discord.ui.LayoutView) -> list[dict[str, Any]]:
    """The view as it goes over the wire."""
    components: list[dict[str, Any]] = view.to_components()  # type: ignore[no-untyped-call, unused-ignore]
    return components


def text_of(view: discord.ui.LayoutView) -> str:
    texts = [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]
    return "\n".join(texts)
