from __future__ import annotations

import io
import math
from typing import Any

import pytest

from sandbox.pixverse_api import timelines
from tests.sandbox.pixverse_api.conftest import ApiFixture

VIDEO, IMAGE, FILES = "/v2/pixverse/videos/create", "/v2/pixverse/images/create", "/v2/pixverse/files"
BOAT = {"prompt": "a boat"}


@pytest.mark.parametrize("path", [VIDEO, VIDEO + "-v3", VIDEO + "-v4"])
async def test_a_video(world: ApiFixture, path: str) -> None:
    world.api.sweep_seconds = math.inf
    given = BOAT | {"model": "v6", "quality": "720p", "duration": 8, "seed": 7, "replyRef": "local-17"}
    status, made = await world.ask("POST", path, json=given)
    assert status == 200
    _, record = await world.get(f"/v2/pixverse/videos/{made['video_id']}")
    assert isinstance(record, dict)
    assert (record["prompt"], record["model"], record["quality"]) == ("a boat", "v6", "720p")
    assert (record["video_duration"], record["seed"], record["replyRef"]) == (8, 7, "local-17")
    assert record["video_status_name"] == "QUEUED"


async def test_images(world: ApiFixture) -> None:
    status, made = await world.ask("POST", IMAGE, json=BOAT | {"create_count": 3, "aspect_ratio": "auto"})
    assert (status, len(made["success_ids"])) == (200, 3)
    world.clock.forward(31)
    for jobid in made["success_ids"]:
        _, record = await world.get(f"/v2/pixverse/images/{jobid}")
        assert isinstance(record, dict)
        assert (record["image_status_name"], record["output_width"]) == ("COMPLETED", 640)


async def test_the_scheduler_names_new_jobs_and_their_callback_addresses(world: ApiFixture) -> None:
    given = BOAT | {"replyUrl": "https://example.com/hook", "replyRef": "17"}
    _, made = await world.ask("POST", VIDEO, json=given)
    _, (entry,) = await world.ask("GET", "/v2/pixverse/scheduler/")
    assert (entry["id"], entry["replyUrl"], entry["replyRef"]) == (made["video_id"], "https://example.com/hook", "17")
    _, free = await world.ask("GET", "/v2/pixverse/scheduler/available")
    (account,) = free["available"]
    assert account == {"email": world.account.email, "maxJobs": 8, "executing": 1, "available": 7}


@pytest.mark.parametrize(
    ("path", "given"),
    [
        (VIDEO, {}),
        (VIDEO, {"prompt": ""}),
        (VIDEO, {"prompt": "x" * 2049}),
        (VIDEO, BOAT | {"quality": "9p"}),
        (VIDEO, BOAT | {"maxJobs": 9}),
        (VIDEO, BOAT | {"replyUrl": "x" * 1025}),
        (VIDEO, BOAT | {"email": "someone@example.com"}),
        (VIDEO, BOAT | {"first_frame_path": 3}),
        (IMAGE, BOAT | {"create_count": 5}),
    ],
)
async def test_bad_parameters_create_nothing(world: ApiFixture, path: str, given: dict[str, Any]) -> None:
    status, body = await world.ask("POST", path, json=given)
    assert (status, body["code"]) == (400, 400)
    assert world.api.jobs == []


async def test_more_than_max_jobs(world: ApiFixture) -> None:
    for _ in range(8):
        assert (await world.ask("POST", VIDEO, json=BOAT))[0] == 200
    status, body = await world.ask("POST", VIDEO, json=BOAT)
    assert (status, body["code"], body.keys()) == (429, 429, {"error", "code"})
    world.clock.forward(31)
    assert (await world.ask("POST", VIDEO, json=BOAT | {"maxJobs": 1}))[0] == 200
    assert (await world.ask("POST", IMAGE, json=BOAT | {"maxJobs": 2, "create_count": 2}))[0] == 429


async def test_a_refused_prompt_leaves_no_job(world: ApiFixture) -> None:
    world.api.script(timelines.moderated(0))
    status, body = await world.ask("POST", VIDEO, json=BOAT)
    assert (status, body["code"]) == (422, 422)
    assert world.api.jobs == []


async def test_an_uploaded_picture_is_the_first_frame(world: ApiFixture) -> None:
    for path in (FILES, FILES + "/"):
        status, body = await upload(world, b"\x89PNG" * 500_000, "image/png", path)
        assert status == 200
        (file,) = body["result"]
        assert file.keys() == {"id", "url", "path", "size", "name", "category", "err_msg"}
        assert file["size"] == 2_000_000
        assert (await world.ask("POST", VIDEO, json=BOAT | {"first_frame_path": file["path"]}))[0] == 200


async def test_other_uploads(world: ApiFixture) -> None:
    status, body = await upload(world, b"....", "video/mp4")
    assert (status, body.keys()) == (200, {"path", "url"})
    assert (await upload(world, b"....", "application/zip"))[0] == 400
    assert (await upload(world, b"", "image/png"))[0] == 400
    assert (await upload(world, b"..", "image/png", FILES + "?email=someone@example.com"))[0] == 400
    assert (await world.ask("POST", FILES, token="user:1-x", data=b".."))[0] == 401


async def test_the_accounts(world: ApiFixture) -> None:
    status, accounts = await world.ask("GET", "/v2/pixverse/accounts")
    assert (status, accounts[world.account.email]["maxJobs"]) == (200, 8)
    assert accounts[world.account.email]["password"] == "…secured…"


async def upload(world: ApiFixture, content: bytes, kind: str, path: str = FILES) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {world.account.token}", "Content-Type": kind}
    async with world.http.post(world.api.base + path, data=io.BytesIO(content), headers=headers) as answer:
        return answer.status, await answer.json()
