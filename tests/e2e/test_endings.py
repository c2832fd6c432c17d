"""Every way in which a job can end, and what the bot then posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.service import is_v2
from sandbox.pixverse_api.v2 import record_of
from sandbox.pixverse_api.videos import File, video_file
from tests.e2e.guild_fixture import GuildFixture

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]

of_v1 = pytest.mark.parametrize("generation", ["v1"], indirect=True)
"""For what v2 does not have."""

_MESSAGES = r"/channels/\d+/messages"


@dataclass(frozen=True)
class Ending:
    happens: Callable[[Job], None]
    outcome: str
    word: str
    card: str


_ENDINGS = {
    "failed": Ending(
        lambda job: job.fail("Generation failed", "The GPU *melted*"), "**The job failed.**", "failed", "**Failed.**"
    ),
    "failed without a reason": Ending(lambda job: job.set("failed"), "**The job failed.**", "failed", "**Failed.**"),
    "moderated": Ending(
        lambda job: job.fail("Moderated", "Not allowed", status="moderated"),
        "**Refused by PixVerse's content rules.**",
        "moderated",
        "**Refused by the content rules.**",
    ),
    "cancelled": Ending(lambda job: job.cancel(), "**The job was cancelled.**", "cancelled", "**Cancelled.**"),
    "no video": Ending(
        lambda job: job.complete(videos=0),
        "**Finished, but without a video.**",
        "completed",
        "**Finished without a video.**",
    ),
    "expired": Ending(lambda job: job.expire(), "**The job has expired.**", "expired", "**No result.**"),
}


_OF_V1 = ("cancelled", "no video", "expired")
"""Ends that v2 does not have."""


@pytest.mark.parametrize(
    ("generation", "name"),
    [("v1", name) for name in _ENDINGS] + [("v2", name) for name in _ENDINGS if name not in _OF_V1],
    indirect=["generation"],
)
async def test_an_end_without_a_video(server: GuildFixture, name: str) -> None:
    ending = _ENDINGS[name]
    job = await server.watched(prompt="paper boat")
    (card,) = server.cards()

    ending.happens(job)

    outcome = await server.outcome()
    assert outcome.text.startswith(f"{ending.outcome} {server.member.mention}")
    assert f"-# {ending.word} · {server.number(job)} · {server.shown(job)}" in outcome.text
    assert outcome.pinged == {server.member.id}
    assert outcome.reference_id == card.id
    assert outcome.attachments == []
    last = await server.card_says(ending.card)
    assert f"/{outcome.id}" in last.text
    assert last.labels == []


async def test_pixverse_s_words_are_quoted_as_text(server: GuildFixture) -> None:
    job = await server.watched(prompt="paper boat")
    job.fail("Generation failed", "The GPU *melted*")
    assert r"PixVerse says: Generation failed The GPU \*melted\*" in (await server.outcome()).text


async def test_a_moderated_prompt_is_behind_a_spoiler(server: GuildFixture) -> None:
    job = await server.watched(prompt="something nasty")
    job.fail("Moderated", status="moderated")
    text = (await server.outcome()).text
    assert "Prompt: ||something nasty||" in text
    assert text.count("something nasty") == 1
    assert "nasty" not in (await server.card_says("**Refused")).text


async def test_an_end_is_final(server: GuildFixture) -> None:
    job = await server.watched()
    job.fail("Generation failed")
    outcome = await server.outcome()
    job.complete()
    answer = await server.status(job)
    assert answer.text.startswith("**Already posted here.**")
    assert server.outcomes() == [outcome]


async def test_an_unknown_status_is_not_an_end(server: GuildFixture) -> None:
    job = server.job()
    job.set("upscaling")
    answer = await server.status(job)
    assert answer.text.startswith("**Watching.**")
    await server.card_says('**PixVerse says "upscaling".**', '**PixVerse says "UPSCALING".**')
    asked = server.harness.pixverse.asked(job)
    await server.harness.pixverse.until(lambda: server.harness.pixverse.asked(job) > asked)
    job.complete()
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


@of_v1
async def test_a_job_with_almost_no_fields(server: GuildFixture) -> None:
    job = await server.watched()
    job.complete(videos=1)
    kept = {name: job.shown[name] for name in ("jobid", "status", "attachments")}
    job.raw = kept
    assert len((await server.outcome()).attachments) == 1


# ---- the video ------------------------------------------------------------------------------------------------------


@of_v1
async def test_a_video_too_large_for_the_server_is_posted_as_a_link(server: GuildFixture) -> None:
    server.guild.upload_limit = 200_000
    job = await server.watched(verb="pixverse-create")
    small, large = video_file("small"), video_file("large", 300_000)
    job.complete(videos=(small, large))
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your 2 videos are ready, number 2 as a link.**")
    assert [file.content for file in outcome.attachments] == [small.content]
    assert outcome.text.splitlines()[-2].startswith(job.videos[1].url.rstrip("&"))


async def test_a_dead_link(server: GuildFixture) -> None:
    job = await server.watched()
    job.complete(link_seconds=-60)
    if is_v2(job.jobid):
        # The address doesn't say when it expires; the bot calls it dead only after more than a minute.
        tried = job.videos[0].path
        await server.harness.pixverse.until(
            lambda: sum(entry.path == tried for entry in server.harness.pixverse.cdn.requests) > 2
        )
        assert server.outcomes() == []
        return
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video's link has expired.**")
    assert outcome.attachments == []


async def test_a_file_that_is_not_a_video(server: GuildFixture) -> None:
    job = await server.watched()
    page = File(b"<html><body>please log in</body></html>", "out.mp4", "text/html")
    job.complete(videos=(page,))
    outcome = await server.outcome()
    assert outcome.text.startswith("**Finished, but the file isn't a video")
    assert outcome.attachments == []


async def test_a_host_that_is_not_allowed(server: GuildFixture) -> None:
    job = await server.watched()
    job.complete()
    elsewhere = "https://169.254.169.254/out.mp4"
    if is_v2(job.jobid):
        job.raw = record_of(job) | {"url": elsewhere}
    else:
        job.raw = {**job.shown, "attachments": [{**job.videos[0].attachment(), "url": elsewhere}]}
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert outcome.text.startswith("**Your video is ready, but I may not fetch it.**")
    assert "\nhttps://169.254.169.254/out.mp4\n-# " in outcome.text


async def test_a_redirect_to_a_host_that_is_not_allowed(server: GuildFixture) -> None:
    job = await server.watched()
    server.harness.pixverse.cdn.faults.add(faults.Redirect("http://localhost:9/secret.mp4"), times=None)
    job.complete()
    try:
        outcome = await server.outcome()
    finally:
        server.harness.pixverse.cdn.faults.clear()
    assert outcome.text.startswith("**Your video is ready, but I may not fetch it.**")
    assert outcome.attachments == []


# ---- what Discord does with the outcome -----------------------------------------------------------------------------


def _is_outcome(request: RecordedRequest) -> bool:
    return "outcome:details" in str(request.json)


async def test_an_automod_block_leaves_only_the_bot_s_words(server: GuildFixture) -> None:
    job = await server.watched(prompt="rude word")
    blocked = server.harness.discord.faults.add(
        method="POST", path=_MESSAGES, action=Status(400, 200000), match=_is_outcome
    )
    job.complete()
    outcome = await server.outcome()
    assert blocked.hits == 1
    assert outcome.text.startswith(f"**Your video is ready.** {server.member.mention}")
    assert outcome.text.splitlines()[-1].endswith(f"completed · {server.number(job)}")
    assert "rude" not in outcome.text
    assert server.shown(job) not in outcome.text
    assert "rude" not in str(outcome.attachments[0].description)
    assert outcome.pinged == {server.member.id}


@pytest.mark.parametrize("action", [Cut(), Status(500)], ids=["cut", "500"])
async def test_a_response_lost_after_the_post_duplicates_nothing(server: GuildFixture, action: Cut | Status) -> None:
    job = await server.watched()
    lost = server.harness.discord.faults.add(
        method="POST", path=_MESSAGES, when="after", action=action, match=_is_outcome
    )
    job.complete()
    outcome = await server.outcome()
    assert lost.hits == 1
    assert f"/{outcome.id}" in (await server.card_says("**Done.**")).text
    assert server.outcomes() == [outcome]


async def test_a_deleted_card_does_not_prevent_the_outcome(server: GuildFixture) -> None:
    job = await server.watched()
    (card,) = server.cards()
    server.channel.delete_message(card)
    job.complete()
    assert len((await server.outcome()).attachments) == 1
    path = f"/channels/{server.channel.id}/messages"
    posts = [call for call in server.harness.discord.requests if call.method == "POST" and call.path == path]
    assert len(posts) == 2, "the outcome was taken at once"
