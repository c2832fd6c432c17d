from __future__ import annotations

import itertools
import math

import pytest

from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import ENDS
from sandbox.pixverse_api.timelines import Timeline
from tests.sandbox.pixverse_api.conftest import ApiFixture

MODEL = {
    "jobid", "parentJobId", "verb", "status", "created", "updated", "prompt", "negative_prompt", "motion",
    "seed_value", "image", "face", "button", "buttons", "style", "aspect_ratio", "character", "discord", "server",
    "channel", "maxJobs", "messageId", "content", "timestamp", "attachments", "embeds", "error", "errorDetails", "code",
}  # fmt: skip


async def test_a_fresh_job_has_not_been_seen_in_discord(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, prompt="a boat", seed_value=7)
    record = await world.job(job.jobid)
    assert record["status"] == "created"
    assert record["created"] == "2026-11-18T11:06:40.123Z"
    assert record["seed_value"] == 7
    assert record["code"] == 200
    assert not {"updated", "messageId", "content", "timestamp", "attachments"} & record.keys()


async def test_changes_are_seen_only_at_sweeps(world: ApiFixture) -> None:
    world.api.sweep_seconds = math.inf
    job = world.api.add_job(world.account, timelines.completed(seconds=30))
    before = await world.job(job.jobid)
    world.clock.forward(40)
    assert await world.job(job.jobid) == before
    world.api.sweep()
    after = await world.job(job.jobid)
    assert after["status"] == "completed"
    assert after["updated"] == "2026-11-18T11:07:20.123Z"
    world.clock.forward(40)
    world.api.sweep()
    assert await world.job(job.jobid) == after


async def test_a_late_request_gets_the_time_of_the_sweep(world: ApiFixture) -> None:
    world.api.sweep_seconds = 20
    job = world.api.add_job(world.account, timelines.skipped_states(seconds=30))
    world.clock.forward(39.9)
    assert (await world.job(job.jobid))["status"] == "created"
    world.clock.forward(3600)
    assert (await world.job(job.jobid))["updated"] == "2026-11-18T11:07:20.123Z"


def test_sweeps_are_randomly_15_to_60_seconds_apart(world: ApiFixture) -> None:
    world.api.sweep_seconds = (15, 60)
    job = world.api.add_job(world.account, tuple(timelines.step(n, "progress", note=n) for n in range(1, 3600)))
    notes = []
    for _ in range(3599):
        world.clock.forward(1)
        assert world.api.jobs == [job]
        notes.append(job.shown.get("note", 0))
    seen = [note for note in dict.fromkeys(notes) if isinstance(note, int)]
    gaps = {later - earlier for earlier, later in itertools.pairwise(seen)}
    assert min(gaps) >= 14
    assert max(gaps) <= 61
    assert len(gaps) > 10


async def test_a_manual_change_does_not_move_into_an_earlier_sweep(world: ApiFixture) -> None:
    world.api.sweep_seconds = 20
    job = world.api.add_job(world.account)
    world.clock.forward(30)
    job.complete()
    assert (await world.job(job.jobid))["status"] == "created"
    world.clock.forward(10)
    assert (await world.job(job.jobid))["updated"] == "2026-11-18T11:07:20.123Z"


async def test_without_sweeps_each_change_has_its_own_time(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.completed(seconds=30))
    world.clock.forward(3600)
    assert (await world.job(job.jobid))["updated"] == "2026-11-18T11:07:10.123Z"


async def test_content_and_times_have_their_documented_forms(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.completed(seconds=100), prompt="a boat")
    world.clock.forward(40)
    record = await world.job(job.jobid)
    assert str(record["content"]).endswith("(prompt: a boat style: Realistic aspect-ratio: 16:9) (15%)")
    world.clock.forward(60)
    record = await world.job(job.jobid)
    assert "%" not in str(record["content"])
    assert " Author: <@1" in str(record["content"])
    assert record["timestamp"] == "2026-11-18T11:06:50.123000+00:00"
    assert record.keys() <= MODEL


@pytest.mark.parametrize(
    ("timeline", "end"),
    [
        (timelines.completed(), "completed"),
        (timelines.failed(), "failed"),
        (timelines.moderated(), "moderated"),
        (timelines.cancelled(), "cancelled"),
        (timelines.slow(), "completed"),
        (timelines.never_ends(), "progress"),
        (timelines.skipped_states(), "completed"),
        (timelines.percentage_goes_back(), "completed"),
        (timelines.unknown_status(), "completed"),
        (timelines.empty_button(), "completed"),
        (timelines.no_attachments(), "completed"),
        (timelines.two_attachments(), "completed"),
        (timelines.missing_fields(), "completed"),
        (timelines.extra_fields(), "completed"),
        (timelines.expired_link(), "completed"),
    ],
)
async def test_each_timeline_ends(world: ApiFixture, timeline: Timeline, end: str) -> None:
    job = world.api.add_job(world.account, timeline)
    world.clock.forward(7200)
    assert (await world.job(job.jobid))["status"] == end
    assert (await world.get("/v1/pixverse/jobs"))[1] == ([] if end in ENDS else [job.jobid])


async def test_timelines_show_what_their_names_say(world: ApiFixture) -> None:
    def ended(timeline: Timeline) -> dict[str, object]:
        job = world.api.add_job(world.account, timeline)
        job.follow(world.clock() + 60_000)
        return job.shown

    assert ended(timelines.failed(error="no", details=None))["error"] == "no"
    assert "errorDetails" in ended(timelines.moderated())
    assert ended(timelines.no_attachments())["attachments"] == []
    assert set(ended(timelines.missing_fields())) == {"jobid", "status", "attachments"}
    assert ended(timelines.extra_fields()).keys() - MODEL == {"etaSeconds", "queue"}
    buttons = ended(timelines.empty_button())["buttons"]
    assert isinstance(buttons, list)
    assert "" in buttons


async def test_a_percentage_can_go_back_and_an_unknown_status_can_come(world: ApiFixture) -> None:
    back = world.api.add_job(world.account, timelines.percentage_goes_back(seconds=100))
    odd = world.api.add_job(world.account, timelines.unknown_status(seconds=100))
    seen = []
    for _ in range(8):
        world.clock.forward(10)
        seen.append(str((await world.job(back.jobid))["content"])[-5:])
    assert seen.index("(62%)") < seen.index("(31%)") < seen.index("16:9)", 6)
    world.clock.now -= 20_000
    assert (await world.job(odd.jobid))["status"] == "upscaling"


async def test_a_manual_change_stops_the_timeline(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.failed(seconds=30))
    job.set("progress", 46, without=["verb"], etaSeconds=3)
    world.clock.forward(3600)
    record = await world.job(job.jobid)
    assert (record["status"], record["etaSeconds"]) == ("progress", 3)
    assert str(record["content"]).endswith("(46%)")
    assert "verb" not in record
    job.fail("Oh", "no", status="moderated")
    record = await world.job(job.jobid)
    assert (record["status"], record["error"], record["errorDetails"]) == ("moderated", "Oh", "no")


@pytest.mark.parametrize(
    ("raw", "sent"),
    [(b"<html>", b"<html>"), ({"jobid": 7}, b'{"jobid": 7}'), ([], b"[]"), (b"[" * 90_000, b"[" * 90_000)],
)
async def test_any_response_can_be_set(world: ApiFixture, raw: object, sent: bytes) -> None:
    job = world.api.add_job(world.account)
    job.raw = raw
    headers = {"Authorization": f"Bearer {world.account.token}"}
    async with world.http.get(f"{world.api.base}/v1/pixverse/jobs/?jobid={job.jobid}", headers=headers) as answer:
        assert answer.status == 200
        assert await answer.read() == sent
