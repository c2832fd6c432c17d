"""Jobs that turn back, end twice, or tell another story each time: one outcome all the same, and the end told first."""

from __future__ import annotations

import pytest

from sandbox.pixverse_api import faults
from tests.e2e.api_faults.held import HeldThen
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")
for_both = pytest.mark.usefixtures("generation")

_FORBIDDEN = faults.Status(403)


@for_both
async def test_back_from_completed_while_the_video_is_fetched(town: Town) -> None:
    job = await town.watched()
    held = HeldThen()
    town.stage.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    video = job.videos[0].content
    job.set("progress", 46, without=("attachments",))
    held.release.set()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert [file.content for file in outcome.attachments] == [video]
    await _stays(town, job.jobid)


@pytest.mark.parametrize("word", ["progress", "failed", "completed"])
async def test_attachments_lost_when_fresh_links_are_asked_for(town: Town, word: str) -> None:
    job = await town.watched()
    held = HeldThen(_FORBIDDEN)
    town.stage.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    town.stage.pixverse.cdn.faults.add(_FORBIDDEN, path=job.videos[0].path)
    video = job.videos[0].content
    job.set(word, without=("attachments",))
    asked = town.stage.pixverse.asked(job)
    held.release.set()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert [file.content for file in outcome.attachments] == [video]
    assert f"completed · {town.number(job)}" in outcome.text
    assert town.stage.pixverse.asked(job) == asked + 1
    await _stays(town, job.jobid)


async def test_fresh_links_of_other_content_are_posted_once(town: Town) -> None:
    """It ended between two answers; whoever asked first or later sees the same."""
    job = await town.watched()
    elsewhere = town.guild.add_text_channel("elsewhere")
    await town.status(job, channel=elsewhere)
    held = HeldThen(_FORBIDDEN)
    town.stage.pixverse.cdn.faults.add(held)
    job.complete()
    await held.reached.wait()
    dead = job.videos[0]
    town.stage.pixverse.cdn.faults.add(_FORBIDDEN, path=dead.path, times=None)
    job.complete(videos=2)
    held.release.set()
    for channel in (town.channel, elsewhere):
        outcome = await town.outcome(channel)
        assert outcome.text.startswith("**Your 2 videos are ready.**")
        assert [file.content for file in outcome.attachments] == [video.content for video in job.videos]
        assert dead.url not in outcome.text


@for_both
async def test_two_ends_at_once_are_one(town: Town) -> None:
    """The poller is told of one end while a member is told of another."""
    job = await town.watched()
    held = HeldThen()
    job.fail("Generation failed")
    fault = town.stage.pixverse.faults.add(held, job=job, times=2)
    await town.stage.pixverse.until(lambda: fault.played >= 1 or bool(town.outcomes()))
    job.complete()
    held.release.set()
    outcome = await town.outcome()
    assert outcome.text.startswith(("**The job failed.**", "**Your video is ready.**"))
    await _stays(town, job.jobid)


@for_both
async def test_another_end_for_whoever_asks_later_is_the_end_that_was_told(stage: Stage, town: Town) -> None:
    job = await town.watched()
    job.fail("Generation failed")
    await town.outcome()
    job.complete()
    elsewhere = town.guild.add_text_channel("elsewhere")
    await town.status(job, channel=elsewhere)
    assert (await town.outcome(elsewhere)).text.startswith("**The job failed.**")
    await _stays(town, job.jobid)


@for_both
async def test_gone_and_back_between_two_questions(town: Town) -> None:
    job = await town.watched()
    fault = town.stage.pixverse.faults.add(faults.Status(404, {"error": "Unable to locate job", "code": 404}), job=job)
    await town.stage.pixverse.until(lambda: fault.played == 1)
    job.complete()
    await town.status(job)
    assert (await town.outcome()).text.startswith("**Your video is ready.**")


async def test_completed_without_a_file_stays_so(town: Town) -> None:
    """In v2 a record without an address is no end yet."""
    job = await town.watched()
    job.complete(videos=0)
    outcome = await town.outcome()
    assert outcome.text.startswith("**Finished, but without a video.**")
    job.complete(videos=1)
    await _stays(town, job.jobid)


async def _stays(town: Town, jobid: str) -> None:
    """Whatever the API says now: nothing more is posted."""
    before = town.outcomes()
    answer = await town.status(jobid)
    assert answer.text.startswith("**Already posted here.**")
    await town.settled()
    assert town.outcomes() == before
