"""Whatever stands in the fields of a job: Discord's bounds hold, nobody is pinged, and our own words stay what they
are, since the live markup of every message is that of the same message made of harmless words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from model import snapshots
from model.job import Job, Outcome
from model.messages import CardPost, LinkReason, OutcomePost, Post, SummaryEntry, SummaryPost, VideoFile, VideoLink
from model.states import CardStatus
from pixverse.api_errors import Unavailable
from pixverse.jobids import OtherService
from pixverse.jobs_v1 import read_job
from relay.commands.job_checks import Peek
from relay.commands.job_queries import JobDetails, Listed
from relay.commands.watch import ImmediatePost, NowWatching
from relay.commands.watch_many import EntryStatus, WatchEntry, WatchResult
from storage.overviews import KnownJob
from tests.hostile import JOBID, jobids, records, unseen, wild_records, words
from tests.ui import bounds
from tests.ui.samples import HERE, MENTIONS, NONCE, NOW, components_of, text_of
from ui import discord_limits as limits
from ui.details_reply import details_replies
from ui.discord_limits import units
from ui.list_replies import autocomplete_choice, listing_replies
from ui.member_replies import peek_reply, status_reply
from ui.message import Message
from ui.posts import message_of
from ui.refusal_replies import refusal_reply
from ui.watch_replies import watch_reply

ASKER = 42
_LIVE = re.compile(
    r"\\[^0-9A-Za-z\s]"
    r"|(?P<code>`[^`\n]*`)"
    r"|(?P<link><?https?://[^\s<>]+>?)"
    r"|(?P<ours><(?:@\d+|t:-?\d+:[RfF]|/[\w -]+:\d+)>)"
    r"|(?P<start>^(?:>>> |> )(?:-# |#{1,3} |[-*+] |\d+[.)] )?|^(?:-# |#{1,3} |[-*+] |\d+[.)] ))"
    r"|(?P<sign>[*_~`|<>\[\]]|@(?!…))",
    re.MULTILINE,
)
_quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # making a failing job smaller takes minutes
)


async def _press(interaction: object) -> None:
    """The handler of a button."""


def live(text: str) -> list[str]:
    """The markup of a text that Discord would act on, in order."""
    found = []
    for match in _LIVE.finditer(text):
        if match.lastgroup in {"sign", "start"}:
            found.append(match.group())
        elif match.lastgroup is not None:
            found.append(match.lastgroup)
    return found


def _posts(job: Job, jobid: str) -> Iterator[Post]:
    """Every message for everybody in which the job can be told of."""
    for status in (CardStatus.PROGRESS, CardStatus.UNKNOWN, CardStatus.API_DOWN, CardStatus.STOPPED, CardStatus.SLOW):
        yield CardPost(1, 7, status, job, NONCE, ASKER)
    for outcome in Outcome:
        yield CardPost(1, 7, CardStatus.ENDED, job, NONCE, ASKER, outcome=outcome)
    entries = tuple(SummaryEntry(number, CardStatus.UNKNOWN, job, None, None) for number in range(25))
    yield SummaryPost(1, ASKER, True, entries, NONCE, done=0, open=True)
    for outcome in Outcome:
        yield OutcomePost(7, jobid, outcome, job, NONCE, NONCE, mention=(ASKER,), ended_at=NOW)
    files = tuple(VideoFile(number, Path("a.mp4"), ".mp4", 10) for number in (1, 2))
    yield OutcomePost(7, jobid, Outcome.COMPLETED, job, NONCE, NONCE, files=files, mention=(ASKER,), spoiler=True)
    for reason in LinkReason:
        yield OutcomePost(7, jobid, Outcome.COMPLETED, job, NONCE, NONCE, links=_links(job, reason), mention=(ASKER,))


def _links(job: Job, reason: LinkReason) -> tuple[VideoLink, ...]:
    return tuple(
        VideoLink(index, media.url, reason, media.size, 10, NOW, f"{index}{media.filename}", media.content_type, 3)
        for index, media in enumerate(job.media, 1)
    )


def _answers(job: Job, jobid: str) -> Iterator[str]:
    """Every text for the asker alone in which the job can be told of."""
    for outcome in (None, *Outcome):
        yield peek_reply(Peek(jobid, job, outcome, api_down=False), _press).content
    for outcome in Outcome:
        yield from (answer.content for answer in details_replies(JobDetails(7, jobid, job, outcome, NOW, NOW)))
    yield status_reply(NowWatching(1, job, ImmediatePost(), mention=True, api_down=True), HERE).content
    listed = Listed(7, job, None, mine=True, on_hold=False)
    yield from (answer.content for answer in listing_replies((listed,) * 12, HERE, MENTIONS))


def _text(message: Message) -> str:
    if message.content is not None:
        return message.content
    assert isinstance(message.view, discord.ui.LayoutView)
    return text_of(message.view)


def _is_clean(text: str) -> bool:
    return unseen(text.replace("\n", " ")) == []


def _check_message(message: Message) -> None:
    text = _text(message)
    assert units(text) <= (limits.MESSAGE if message.content is not None else limits.TEXT_DISPLAYS)
    assert text.strip()
    assert _is_clean(text)
    assert set(message.mention) <= {ASKER}
    assert len(message.files) <= limits.FILES
    for file in message.files:
        assert re.fullmatch(r"(?:SPOILER_)?pixverse-7-[0-9]+\.[a-z0-9]+", file.name)
        assert units(file.description) <= limits.ALT_TEXT
        assert _is_clean(file.description)
    if message.view is not None:
        for row in (component for component in components_of(message.view) if component["type"] == 1):
            assert all(len(button["custom_id"]) <= bounds.CUSTOM_ID for button in row["components"])


def _check_answer(text: str) -> None:
    assert units(text) <= limits.MESSAGE
    assert text.strip()
    assert _is_clean(text)


def _in_a_loop(check: Any, *arguments: Any) -> None:
    """Views want a running loop."""

    async def run() -> None:
        check(*arguments)

    asyncio.run(run())


def _check_bounds(job: Job, jobid: str) -> None:
    for post in _posts(job, jobid):
        _check_message(message_of(post, HERE, MENTIONS))
    for text in _answers(job, jobid):
        _check_answer(text)
    choice = autocomplete_choice(KnownJob(7, snapshots.dump(job), None, NOW, 1), NOW)
    assert 1 <= units(choice.name) <= limits.CHOICE
    assert _is_clean(choice.name)
    assert choice.value == "#7"


@_quick
@given(wild_records, jobids)
def test_anything_the_api_sends_is_our_error_or_fits(record: dict[str, Any], jobid: str) -> None:
    try:
        job = read_job(record, jobid)
    except Unavailable as error:
        assert unseen(str(error)) == []
        return
    assert snapshots.load(snapshots.dump(job)) == job
    _in_a_loop(_check_bounds, job, jobid)


@_quick
@given(records(), jobids)
def test_every_text_of_the_api_fits(record: dict[str, Any], jobid: str) -> None:
    try:
        job = read_job(record, jobid)
    except Unavailable:
        return
    _in_a_loop(_check_bounds, job, jobid)


def _harmless(record: dict[str, Any]) -> dict[str, Any]:
    """The same record with a harmless word for each text that shows anything."""

    def word(name: str, value: Any) -> Any:
        if isinstance(value, str) and name not in {"created", "updated", "url", "status"}:
            return f"word {name}"
        if isinstance(value, dict):
            return {key: word(key, inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [word(f"{name}{place}", inner) for place, inner in enumerate(value)]
        return value

    return {name: word(name, value) for name, value in record.items()}


@_quick
@given(records(lambda name: words.map(lambda text: f"{text[:80]}x{name}")))
def test_only_our_own_markup_is_live(record: dict[str, Any]) -> None:
    record["status"] = record["status"] if record["status"] in set(Outcome) else "progress"
    hostile, harmless = read_job(record, JOBID), read_job(_harmless(record), JOBID)
    harmless = replace(harmless, percent=hostile.percent)

    def check() -> None:
        for nasty, nice in zip(_posts(hostile, JOBID), _posts(harmless, JOBID), strict=True):
            texts = _text(message_of(nasty, HERE, MENTIONS)), _text(message_of(nice, HERE, MENTIONS))
            assert live(texts[0]) == live(texts[1]), texts
        nasty_pages, nice_pages = "\n".join(_answers(hostile, JOBID)), "\n".join(_answers(harmless, JOBID))
        assert live(nasty_pages) == live(nice_pages), nasty_pages

    _in_a_loop(check)


@_quick
@given(st.lists(words, min_size=1, max_size=25), words)
def test_what_a_member_types_is_repeated_as_text(typed: list[str], service: str) -> None:
    kinds = [taken for taken in EntryStatus if not taken.in_batch]
    entries = tuple(
        WatchEntry(text, kinds[place % len(kinds)], service=service or None) for place, text in enumerate(typed)
    )
    text = watch_reply(WatchResult(entries, ImmediatePost(), mention=True), HERE).content
    _check_answer(text)
    assert set(live(text)) <= {"*", "code", "-# "}
    refusal = refusal_reply(OtherService(service), MENTIONS, manager=False)
    assert refusal is not None
    _check_answer(refusal.content)


_ADDRESSES = {
    "plain": "me@example.com",
    "within an id": "user:4321-pixverse:me@example.com-video:5",
    "percent-encoded": "me%40example.com",
    "with invisible characters": "m\u200be@exam\u00adple.com",
    "with a change of direction": "me@\u202eexample.com",
    "with a tag": "me@\U000e0041example.com",
}
_FIELDS = (
    "prompt", "negative_prompt", "style", "aspect_ratio", "verb", "button", "content", "error", "errorDetails",
    "parentJobId", "character",
)  # fmt: skip


def _shown_addresses(job: Job) -> list[str]:
    """The texts about the job that show an address of example.com."""
    messages = [message_of(post, HERE, MENTIONS) for post in _posts(job, JOBID)]
    shown = [*map(_text, messages), *(file.description for message in messages for file in message.files)]
    shown += _answers(job, JOBID)
    shown.append(autocomplete_choice(KnownJob(7, snapshots.dump(job), None, NOW, 1), NOW).name)
    return [text for text in shown if "example.com" in text.replace("\\", "")]


@pytest.mark.parametrize("address", _ADDRESSES.values(), ids=_ADDRESSES)
@pytest.mark.parametrize("status", ["progress", "completed", "failed", "moderated"])
async def test_no_field_shows_an_email_address_in_any_form(address: str, status: str) -> None:
    attachment = {"url": "https://media.pixverse.ai/a.mp4", "filename": address, "content_type": address}
    values: dict[str, object] = {
        "status": address,
        "buttons": [address],
        "attachments": [attachment],
        "embeds": [{"type": address, "description": address}],
        "image": {"size": 1, "type": address},
        "face": {"size": 1, "type": address},
        **dict.fromkeys(_FIELDS, address),
    }
    for field, value in values.items():
        job = read_job({"jobid": JOBID, "status": status, field: value}, JOBID)
        assert _shown_addresses(job) == [], field


@pytest.mark.parametrize("token", ["us\u200ber:4321-s3cretS3cretS3cret", "user:4321-s3cretS3cretS3cret"])
def test_no_invisible_character_has_a_token_shown(token: str) -> None:
    job = read_job({"jobid": JOBID, "status": "failed", **dict.fromkeys(_FIELDS, f"no {token}!")}, JOBID)
    assert not [text for text in _answers(job, JOBID) if "s3cret" in text]
