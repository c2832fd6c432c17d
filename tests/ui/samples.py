"""Every text and view of the room, made of nasty data, so that tests can walk them all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import discord

from pixverse.job import Embed, Job, JobState, Media, Upload
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherService
from relay import refusals, results
from relay.outcomes import Face, LateReason, LinkReason, NoticeKind, Outcome
from relay.ports import (
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
from ui import admin_answers, answers, lists
from ui.answer import Answer
from ui.check_report import CheckReport, TokenState, check_answer
from ui.details import details_answers
from ui.mentions import CommandMentions
from ui.posts import message_of
from ui.refusals import (
    locked_thread_answer,
    missing_permission_answer,
    not_served_answer,
    only_in_servers_answer,
    own_fault_answer,
    refusal_answer,
    restarting_answer,
)

NASTY = "@everyone <@1> **bold** ||x|| [a](https://evil.example) https://evil.example `c` \u202e\u200b\nline " * 5
JOBID = "user:4321-pixverse:me@example.com-video:112233445566"
HERE = Address(200_000_000_000_000_001, 300_000_000_000_000_002)
PERSON = 999_999_999_999_999_999
NOW = 1_790_000_000_000
MENTIONS = CommandMentions({"pixverse": 1_234_567_890_123_456_789, "pixverse-admin": 1_234_567_890_123_456_788})
NONCE = "0123456789abcdef012345678"
PERMISSIONS = ("View Channel", "Send Messages", "Send Messages in Threads", "Attach Files", "Read Message History")


@dataclass(frozen=True)
class Sample:
    """One text as somebody would see it."""

    name: str
    text: str
    view: discord.ui.View | discord.ui.LayoutView | None


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
        batch=BatchTally(25, 5, 5, 5, 10, crowd),
        reply_to=PERSON,
    )
    files = tuple(VideoFile(n, Path("a.mp4"), ".mp4", 10) for n in range(1, 5))
    for job in JOBS:
        for post in (replace(plainest, job=job), replace(fullest, job=job)):
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
        for jobs in (1, 500):
            yield NoticePost(
                kind, NONCE, (PERSON,), jobs, HERE.channel_id, NASTY, PERMISSIONS, NOW, 259_200_000, 300_000
            )


def posts() -> Iterator[Post]:
    yield from cards()
    yield from summaries()
    yield from outcomes()
    yield from notices()


async def press(interaction: object) -> None:
    """Stands where a button's deed is passed in."""


def answers_on_one_job() -> Iterator[Answer]:
    for job in JOBS:
        for yes in (True, False):
            yield answers.status_answer(results.NowWatching(1, 7, job, PERSON if yes else None, yes, not yes), HERE)
            yield answers.status_answer(results.NowWatching(1, 7, job, PERSON, yes, yes), HERE)
            yield answers.status_answer(results.AlreadyWatched(1, 7, job, PERSON, yes, yes, not yes), HERE)
            yield answers.mention_answer(results.MentionSet(1, 7, yes))
        for outcome in Outcome:
            for waiting in (True, False):
                yield answers.status_answer(results.AlreadyPosted(1, 7, job, outcome, PERSON, waiting), HERE)
            yield answers.status_answer(results.PostingOutcome(1, 7, job, outcome), HERE)
            yield from details_answers(results.JobDetails(7, JOBID, job, outcome, NOW, NOW))
        for ended in (None, *Outcome):
            yield answers.peek_answer(results.Peek(JOBID, 7, job, ended, True), press)
            yield answers.peek_answer(results.Peek(JOBID, None, job, ended, False), press)
            yield answers.check_answer(results.Checked(7, job, ended, True))
            yield answers.check_answer(results.Checked(7, job, ended, False))
            yield answers.check_answer(results.CheckedBefore(7, job, ended, NOW, NOW))
        yield answers.check_answer(results.NotChecked(7, job))
        yield answers.stop_answer(results.Stopped(1, 7, job))
        for others in (1, 4):
            yield answers.stop_answer(results.TakenOff(1, 7, job, others))
    for stopped in (0, 1, 25):
        for kept in (0, 1, 25):
            yield answers.stopped_all_answer(results.StoppedAll(1, stopped, kept))
    yield answers.posted_again_answer(results.PostedAgain(1, 7, Outcome.FAILED))


def answers_on_lists() -> Iterator[Answer]:
    for taken in results.Taken:
        for size in (1, 25):
            entry = results.WatchEntry(NASTY, taken, 7, 1, full_job(), None, PERSON, True, NASTY)
            yield lists.watch_answer(results.WatchResult((entry,) * size, 1, PERSON, True), HERE)
            yield lists.watch_answer(results.WatchResult((replace(entry, text="#7"),), None, None, False), HERE)
    for job in JOBS:
        for size in (0, 1, 10, 500):
            listed = results.Listed(1, 7, JOBID, job, PERSON, True, size == 1, NOW)
            yield from lists.listing_answers(results.Listing((listed,) * size), HERE, MENTIONS)


def answers_of_refusals() -> Iterator[Answer]:
    every = (
        NotAJobId(),
        LooksLikeSecret(),
        OtherService(NASTY),
        refusals.TooFast(NOW),
        refusals.NoToken(),
        refusals.TokenRefused(),
        refusals.SubscriptionUnpaid(),
        refusals.NotFound(),
        refusals.NumberUnknown(),
        refusals.Expired(),
        refusals.ApiDown(),
        refusals.QuestionRefused(),
        refusals.PersonLimit(50),
        refusals.ServerLimit(1),
        refusals.TooManyJobs(60, 25),
        refusals.NotYours((PERSON,) * 60),
        refusals.NotYours(()),
        refusals.NotWatchedHere(),
        refusals.NothingToDo(),
    )
    for refusal in every:
        for manager in (True, False):
            answer = refusal_answer(refusal, MENTIONS, manager=manager, look_again=press)
            assert answer is not None, refusal
            yield answer
    yield missing_permission_answer(PERMISSIONS)
    yield missing_permission_answer(())
    yield locked_thread_answer()
    yield restarting_answer()
    yield only_in_servers_answer()
    yield not_served_answer()
    yield own_fault_answer(NASTY)


def answers_to_admins() -> Iterator[Answer]:
    yield admin_answers.not_allowed_answer()
    for number in (0, 1, 500):
        yield admin_answers.token_works_answer("4321", number, MENTIONS)
        yield admin_answers.token_works_answer(None, number, MENTIONS)
        yield admin_answers.token_renewed_answer(number)
        yield admin_answers.token_of_other_account_answer(number, "4321", 2)
        yield admin_answers.token_of_other_account_answer(number, None, 2)
        yield admin_answers.old_jobs_kept_answer(number)
        yield admin_answers.old_jobs_dropped_answer(number)
        yield admin_answers.token_remove_question(number, 2, operators_token=True)
        yield admin_answers.token_remove_question(number, 2, operators_token=False)
        yield admin_answers.token_removed_answer(number)
    yield admin_answers.token_refused_answer()
    yield admin_answers.token_unpaid_answer()
    yield admin_answers.token_untried_answer()
    yield admin_answers.discord_token_answer()
    yield admin_answers.not_a_token_answer()
    yield admin_answers.token_kept_answer()
    yield admin_answers.no_own_token_answer(MENTIONS)
    yield admin_answers.question_outdated_answer(MENTIONS)
    yield admin_answers.alerts_set_answer(HERE.channel_id)
    yield admin_answers.alerts_cannot_post_answer(HERE, PERMISSIONS)
    for token in TokenState:
        well = CheckReport(token, "4321", False, NOW, (), False, 10_485_760, 3, NOW, 0, None)
        yield check_answer(well, MENTIONS)
        worst = replace(
            well, operators_token=True, missing=PERMISSIONS, waiting=9, alerts_channel=5, alerts_missing=PERMISSIONS
        )
        yield check_answer(worst, MENTIONS)
        yield check_answer(replace(worst, locked=True, account=None, tried_at=None, upload_limit=None), MENTIONS)


def all_answers() -> Iterator[Answer]:
    yield from answers_on_one_job()
    yield from answers_on_lists()
    yield from answers_of_refusals()
    yield from answers_to_admins()


def components_of(view: discord.ui.View | discord.ui.LayoutView) -> list[dict[str, Any]]:
    """The view as it goes over the wire."""
    components: list[dict[str, Any]] = view.to_components()  # type: ignore[no-untyped-call, unused-ignore]
    return components


def text_of(view: discord.ui.LayoutView) -> str:
    texts = [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]
    return "\n".join(texts)


def all_samples() -> list[Sample]:
    samples = []
    for post in posts():
        message = message_of(post, HERE, MENTIONS)
        if message.content is not None:
            text = message.content
        else:
            assert isinstance(message.view, discord.ui.LayoutView)
            text = text_of(message.view)
        samples.append(Sample(f"{type(post).__name__} {text[:40]}", text, message.view))
    samples.extend(Sample(f"answer {answer.content[:40]}", answer.content, answer.view) for answer in all_answers())
    return samples
