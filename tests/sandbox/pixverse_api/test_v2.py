from __future__ import annotations

import aiohttp
import pytest
from yarl import URL

from sandbox.pixverse_api.timelines import completed, step
from sandbox.pixverse_api.videos import image_file
from tests.sandbox.pixverse_api.conftest import ApiFixture, HandClock

VIDEOS, IMAGES, SCHEDULER = "/v2/pixverse/videos/", "/v2/pixverse/images/", "/v2/pixverse/scheduler/"


@pytest.fixture(autouse=True)
def seen_at_once(world: ApiFixture) -> None:
    world.api.sweep_seconds = 0


async def test_a_video_from_the_queue_to_its_file(world: ApiFixture, clock: HandClock) -> None:
    job = world.api.add_video(world.account, completed(100), queue_data={"queue_count": 2}, model="v5")
    status, queued = await world.get(VIDEOS + job.jobid)
    assert status == 200
    assert isinstance(queued, dict)
    assert (queued["video_status"], queued["video_status_name"], queued["video_status_final"]) == (5, "QUEUED", True)
    assert queued["queue_data"] == {"queue_count": 2}

    clock.forward(74)
    assert await world.get(VIDEOS + job.jobid) == (404, {"error": "Video not found", "code": 404})
    _, in_work = await world.get(SCHEDULER)
    assert isinstance(in_work, list)
    assert [(entry["id"], entry["type"], entry["elapsed"]) for entry in in_work] == [(job.jobid, "video", "01:14")]

    clock.forward(30)
    _, done = await world.get(VIDEOS + job.jobid)
    assert isinstance(done, dict)
    assert (done["video_status"], done["output_width"], done["model"]) == (1, 640, "v5")
    assert "%2F" in done["url"]
    async with world.http.get(URL(done["url"], encoded=True)) as answer:
        assert await answer.read() == job.videos[0].content
    assert await world.get(SCHEDULER) == (200, [])
    assert world.api.asked(job) == 3


async def test_a_running_record_has_an_address_and_no_width(world: ApiFixture) -> None:
    job = world.api.add_video(world.account, (step(0, "progress"),))
    _, page = await world.get(VIDEOS, email=world.account.email)
    assert isinstance(page, dict)
    (record,) = page["data"]
    assert (record["video_id"], record["output_width"], record["video_status_name"]) == (job.jobid, 0, "GENERATING")
    assert record["url"]
    world.api.v2.records_of_running = True
    assert await world.get(VIDEOS + job.jobid) == (200, record)


async def test_an_encoded_id_is_refused(world: ApiFixture) -> None:
    job = world.api.add_video(world.account)
    url = URL(world.api.base + VIDEOS + job.jobid.replace(":", "%3A"), encoded=True)
    headers = {"Authorization": f"Bearer {world.account.token}"}
    async with world.http.get(url, headers=headers) as answer:
        assert answer.status == 400


async def test_an_image_has_a_record_while_it_runs_and_no_code_when_it_is_gone(world: ApiFixture) -> None:
    job = world.api.add_video(world.account, (step(0, "progress"),), kind="image")
    status, record = await world.get(IMAGES + job.jobid)
    assert isinstance(record, dict)
    assert (status, record["image_status"], record["image_status_final"]) == (200, 10, False)
    job.complete([image_file("a")])
    _, record = await world.get(IMAGES + job.jobid)
    assert isinstance(record, dict)
    assert record["url"].endswith(".png")
    job.vanish()
    assert await world.get(IMAGES + job.jobid) == (404, {"error": "Image not found"})


async def test_failed_and_unusual_records(world: ApiFixture) -> None:
    failed, strange = world.api.add_video(world.account), world.api.add_video(world.account)
    failed.fail("broken", "in two")
    strange.set("upscaling")
    _, record = await world.get(VIDEOS + failed.jobid)
    assert isinstance(record, dict)
    assert (record["video_status"], record["errMsg"]) == (8, "broken in two")
    _, record = await world.get(VIDEOS + strange.jobid)
    assert isinstance(record, dict)
    assert (record["video_status"], record["video_status_name"]) == (11, "UPSCALING")


async def test_pages(world: ApiFixture) -> None:
    jobs = [world.api.add_video(world.account) for _ in range(3)]
    _, first = await world.get(VIDEOS, limit="2")
    assert isinstance(first, dict)
    assert (len(first["data"]), first["next_offset"], first["total"]) == (2, 2, 3)
    _, last = await world.get(VIDEOS, limit="2", offset="2")
    assert isinstance(last, dict)
    assert [record["video_id"] for record in last["data"]] == [jobs[0].jobid]
    assert "next_offset" not in last
    assert (await world.get(VIDEOS, email="someone@example.com"))[0] == 400


async def test_neither_generation_knows_the_other_s_jobs(world: ApiFixture) -> None:
    old, new = world.api.add_job(world.account), world.api.add_video(world.account)
    assert (await world.get("/v1/pixverse/jobs/", jobid=new.jobid))[0] == 404
    assert await world.get("/v1/pixverse/jobs") == (200, [old.jobid])
    assert (await world.get(VIDEOS + old.jobid))[0] == 404
    other = world.api.add_account(5)
    assert (await world.get(VIDEOS + new.jobid, token=other.token))[0] == 404
    assert (await world.get(SCHEDULER, token="user:1-x"))[0] == 401


async def test_tracking_can_end_before_the_job(world: ApiFixture) -> None:
    job = world.api.add_video(world.account, (step(0, "progress"),))
    headers = {"Authorization": f"Bearer {world.account.token}"}

    async def untrack(http: aiohttp.ClientSession) -> int:
        async with http.delete(world.api.base + SCHEDULER + job.jobid, headers=headers) as answer:
            return answer.status

    assert [await untrack(world.http), await untrack(world.http)] == [204, 404]
    assert await world.get(SCHEDULER) == (200, [])
    assert job.in_work
