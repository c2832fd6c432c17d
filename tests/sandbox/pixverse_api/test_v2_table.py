"""Each row of the documented tables of v2: statuses, refusals, ids."""

from __future__ import annotations

from typing import Any

import pytest
from yarl import URL

from sandbox.pixverse_api.jobs import Job
from tests.sandbox.pixverse_api.conftest import ApiFixture

QUESTIONS = ("scheduler/", "scheduler/available", "videos/", "images/", "accounts", "videos/{id}", "images/{id}")


async def record(world: ApiFixture, job: Job, kind: str) -> dict[str, Any]:
    status, body = await world.ask("GET", f"/v2/pixverse/{kind}s/{job.jobid}")
    assert status == 200
    assert isinstance(body, dict)
    return body


def bring_to(job: Job, state: str) -> None:
    if state in ("failed", "moderated"):
        job.fail("no", status=state)
    elif state == "completed":
        job.complete()
    elif state != "created":
        job.set(state)


@pytest.mark.parametrize(
    ("kind", "state", "number", "name", "final"),
    [
        ("video", "created", 5, "QUEUED", True),
        ("video", "started", 10, "GENERATING", False),
        ("video", "progress", 10, "GENERATING", False),
        ("video", "completed", 1, "COMPLETED", True),
        ("video", "moderated", 7, "MODERATED", True),
        ("video", "failed", 8, "FAILED", True),
        ("video", "upscaling", 11, "UPSCALING", False),
        ("image", "created", 5, "QUEUED", False),
        ("image", "started", 9, "GENERATING", False),
        ("image", "progress", 10, "PROCESSING", False),
        ("image", "completed", 1, "COMPLETED", True),
        ("image", "moderated", 7, "MODERATED", True),
    ],
)
async def test_statuses(world: ApiFixture, kind: str, state: str, number: int, name: str, final: bool) -> None:
    world.api.v2.records_of_running = True
    job = world.api.add_video(world.account, kind=kind)
    bring_to(job, state)
    told = await record(world, job, kind)
    shown = (told[f"{kind}_status"], told[f"{kind}_status_name"], told[f"{kind}_status_final"])
    assert shown == (number, name, final)
    assert (told["output_width"] > 0) == (state == "completed")
    assert ("errCode" in told) == (state in ("failed", "moderated"))


async def test_times_have_no_milliseconds(world: ApiFixture) -> None:
    job = world.api.add_video(world.account)
    assert (await record(world, job, "video"))["created_at"] == "2026-11-18T11:06:40Z"


@pytest.mark.parametrize("question", QUESTIONS)
async def test_refused_or_unpaid_tokens(world: ApiFixture, question: str) -> None:
    job = world.api.add_video(world.account)
    path = "/v2/pixverse/" + question.format(id=job.jobid)
    assert (await world.get(path, token="user:1-x")) == (401, {"error": "Unauthorized", "code": 401})
    world.account.unpaid()
    assert (await world.get(path))[0] == 402
    world.account.refuse()
    assert (await world.get(path))[0] == 401


@pytest.mark.parametrize(("sign", "code"), [(":", "%3A"), ("@", "%40"), ("v", "%76")])
async def test_an_id_goes_into_the_path_unencoded(world: ApiFixture, sign: str, code: str) -> None:
    job = world.api.add_video(world.account)
    path = f"{world.api.base}/v2/pixverse/videos/{job.jobid.replace(sign, code)}"
    headers = {"Authorization": f"Bearer {world.account.token}"}
    async with world.http.get(URL(path, encoded=True), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, 400)


async def test_a_deleted_video_is_unknown_and_in_no_list(world: ApiFixture) -> None:
    job = world.api.add_video(world.account)
    job.vanish()
    assert await world.get(f"/v2/pixverse/videos/{job.jobid}") == (404, {"error": "Video not found", "code": 404})
    assert await world.get("/v2/pixverse/scheduler/") == (200, [])
    assert await world.get("/v2/pixverse/videos/") == (200, {"data": [], "total": 0})


async def test_videos_and_images_are_not_found_among_each_other(world: ApiFixture) -> None:
    video, image = world.api.add_video(world.account), world.api.add_video(world.account, kind="image")
    assert (await world.get(f"/v2/pixverse/images/{video.jobid}"))[0] == 404
    assert (await world.get(f"/v2/pixverse/videos/{image.jobid}"))[0] == 404
    assert [entry["type"] for entry in (await world.ask("GET", "/v2/pixverse/scheduler/"))[1]] == ["video", "image"]


async def test_the_scheduler_s_older_form(world: ApiFixture) -> None:
    job = world.api.add_video(world.account)
    world.api.v2.scheduler_names_ids = "video_id"
    _, (entry,) = await world.ask("GET", "/v2/pixverse/scheduler/")
    assert entry["video_id"] == job.jobid
    assert "id" not in entry


async def test_v1_s_cancel_does_not_know_v2_videos(world: ApiFixture) -> None:
    job = world.api.add_video(world.account)
    assert (await world.get("/v1/pixverse/jobs/cancel/", jobid=job.jobid))[0] == 404
    assert job.in_work
