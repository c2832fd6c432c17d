"""Jobs that reverse, end twice, or contradict themselves have one outcome: the first end that was reported."""

from __future__ import annotations

import pytest

from sandbox.pixverse_api import faults
from tests.e2e.api_faults.held import HeldThen
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")
for_both = pytest.mark.usefixtures("generation")

_FORBIDDEN = faults.Status(403)


@for_both
async def test_back_from_completed_while_the_video_is_downloaded(server: GuildFixture) -> None:
    job = await server.watched()
    held = HeldThen()
    server.harness.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    video = job.videos[0].content
    job.set("progress", 46, without=("attachments",))
    held.release.set()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert [file.content for file in outcome.attachments] == [video]
    await _stays(server, job.jobid)


@pytest.mark.parametrize("word", ["progress", "failed", "completed"])
async def test_attachments_lost_when_fresh_links_are_requested(server: GuildFixture, word: str) -> None:
    job = await server.watched()
    held = HeldThen(_FORBIDDEN)
    server.harness.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    server.harness.pixverse.cdn.faults.add(_FORBIDDEN, path=job.videos[0].path)
    video = job.videos[0].content
    job.set(word, without=("attachments",))
    asked = server.harness.pixverse.asked(job)
    held.release.set()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert [file.content for file in outcome.attachments] == [video]
    assert f"completed · {server.number(job)}" in outcome.text
    assert server.harness.pixverse.asked(job) == asked + 1
    await _stays(server, job.jobid)


async def test_fresh_links_with_other_content_are_posted_once(server: GuildFixture) -> None:
    """The job ended between two responses; everybody sees the same result."""
    job = await server.watched()
    elsewhere = server.guild.add_text_channel("elsewhere")
    await server.status(job, channel=elsewhere)
    held = HeldThen(_FORBIDDEN)
    server.harness.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    dead = job.videos[0]
    server.harness.pixverse.cdn.faults.add(_FORBIDDEN, path=dead.path, times=None)
    job.complete(videos=2)
    held.release.set()
    for channel in (server.channel, elsewhere):
        outcome = await server.outcome(channel)
        assert outcome.text.startswith("**Your 2 videos are ready.**")
        assert [file.content for file in outcome.attachments] == [video.content for video in job.videos]
        assert dead.url not in outcome.text


@for_both
async def test_two_ends_at_once_are_one(server: GuildFixture) -> None:
    """The poller gets one end while a member's lookup gets another."""
    job = await server.watched()
    held = HeldThen()
    job.fail("Generation failed")
    fault = server.harness.pixverse.faults.add(held, job=job, times=2)
    await server.harness.pixverse.until(lambda: fault.played >= 1 or bool(server.outcomes()))
    job.complete()
    held.release.set()
    outcome = await server.outcome()
    assert outcome.text.startswith(("**The job failed.**", "**Your video is ready.**"))
    await _stays(server, job.jobid)


@for_both
async def test_a_later_request_gets_the_end_that_was_reported_first(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    job.fail("Generation failed")
    await server.outcome()
    job.complete()
    elsewhere = server.guild.add_text_channel("elsewhere")
    await server.status(job, channel=elsewhere)
    assert (await server.outcome(elsewhere)).text.startswith("**The job failed.**")
    await _stays(server, job.jobid)


@for_both
async def test_gone_and_back_between_two_requests(server: GuildFixture) -> None:
    job = await server.watched()
    fault = server.harness.pixverse.faults.add(
        faults.Status(404, {"error": "Unable to locate job", "code": 404}), job=job
    )
    await server.harness.pixverse.until(lambda: fault.played == 1)
    job.complete()
    await server.status(job)
    assert (await server.outcome()).text.startswith("**Your video is ready.**")


async def test_completed_without_a_file_stays_completed(server: GuildFixture) -> None:
    """In v2, a record without a file's address is not an end."""
    job = await server.watched()
    job.complete(videos=0)
    outcome = await server.outcome()
    assert outcome.text.startswith("**Finished, but without a video.**")
    job.complete(videos=1)
    await _stays(server, job.jobid)


async def _stays(server: GuildFixture, jobid: str) -> None:
    """Checks that nothing more is posted, whatever the API now says."""
    before = server.outcomes()
    answer = await server.status(jobid)
    assert answer.text.startswith("**Already posted here.**")
    await server.settled()
    assert server.outcomes() == before
