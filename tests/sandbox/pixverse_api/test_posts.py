from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from sandbox.pixverse_api import timelines
from tests.sandbox.pixverse_api.conftest import ApiFixture

BOAT = {"prompt": "paper boat in rain", "style": "Realistic"}


def form(given: dict[str, str]) -> aiohttp.FormData:
    return aiohttp.FormData(given, default_to_multipart=True)


def picture(name: str, **more: str) -> aiohttp.FormData:
    upload = form(more)
    upload.add_field(name, b"\x89PNG....", filename="a.png", content_type="image/png")
    return upload


@pytest.mark.parametrize(("name", "videos"), [("create", 4), ("create_single", 1)])
async def test_a_generated_job_starts_and_runs(world: ApiFixture, name: str, videos: int) -> None:
    status, body = await world.post(name, json=BOAT | {"negative_prompt": "sun", "replyRef": "local-17"})
    assert status == 200
    assert (body["status"], body["verb"], body["code"]) == ("started", f"pixverse-{name}", 200)
    assert (body["prompt"], body["negative_prompt"], body["replyRef"]) == ("paper boat in rain", "sun", "local-17")
    assert "updated" not in body
    assert (await world.get("/v1/pixverse/jobs"))[1] == [body["jobid"]]
    world.clock.forward(31)
    attachments: Any = (await world.job(body["jobid"]))["attachments"]
    assert len(attachments) == videos


async def test_forms_and_uploads(world: ApiFixture) -> None:
    status, body = await world.post("animate", data=picture("image", motion="7", seed_value="3", hd_quality="No"))
    assert (status, body["verb"], body["motion"], body["seed_value"]) == (200, "pixverse-animate", 7, 3)
    assert body["image"] == {"size": 8, "type": "image/png"}
    status, body = await world.post("meme_face", data=picture("face", prompt="grin"))
    assert (status, body["verb"], body["face"]["size"]) == (200, "pixverse-meme_face", 8)
    status, body = await world.post("create", data=form(BOAT | {"maxJobs": "5"}))
    assert status == 200


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("create", {"json": {"style": "Anime"}}),
        ("create", {"json": {"prompt": "x"}}),
        ("create", {"json": {"prompt": "x" * 513, "style": "Anime"}}),
        ("create", {"json": {"prompt": "x", "style": "Oil"}}),
        ("create", {"json": BOAT | {"aspect_ratio": "2:1"}}),
        ("create", {"json": BOAT | {"maxJobs": 11}}),
        ("create", {"json": BOAT | {"replyRef": "x" * 1025}}),
        ("create", {"json": BOAT | {"channel": "1"}}),
        ("create", {"json": ["x"]}),
        ("create", {"data": b"{", "token": None}),
        ("create_single", {"json": BOAT | {"seed_value": 2**31}}),
        ("animate", {"json": {"image": "x"}}),
        ("animate", {"data": form({"image": "x"})}),
        ("animate", {"data": picture("image", motion="11")}),
        ("meme_face", {"data": form({"prompt": "x"})}),
        ("create", {"data": BOAT}),
        ("button", {"json": {"button": "U1"}}),
    ],
)
async def test_bad_parameters_start_no_job(world: ApiFixture, name: str, given: dict[str, Any]) -> None:
    status, body = await world.post(name, **given)
    assert (status, body["code"]) == (400, 400)
    assert body["error"]
    assert world.api.jobs == []


async def test_more_than_max_jobs(world: ApiFixture) -> None:
    running = [(await world.post("create", json=BOAT))[1]["jobid"] for _ in range(3)]
    status, body = await world.post("create", json=BOAT)
    text = "Maximum of 3 jobs executing in parallel supported"
    assert (status, body) == (429, {"error": text, "executingJobs": running, "code": 429})
    world.clock.forward(31)
    assert (await world.post("create", json=BOAT))[0] == 200


async def test_a_custom_channel(world: ApiFixture) -> None:
    own = {"discord": "MTAxsecretsecretx7Q", "server": "12", "channel": "34"}
    _, body = await world.post("create", json=BOAT | own)
    assert (body["discord"], body["server"], body["channel"]) == ("MTA…secured…x7Q", "12", "34")
    status, body = await world.post("create", json=BOAT | own | {"maxJobs": 1})
    assert (status, len(body["executingJobs"])) == (429, 1)


async def test_a_moderated_post(world: ApiFixture) -> None:
    world.api.script(timelines.moderated(0, error="No", details="because"))
    status, body = await world.post("create", json=BOAT)
    (job,) = world.api.jobs
    refused = {"error": "No", "errorDetails": "because", "jobid": job.jobid, "status": "moderated", "code": 422}
    assert (status, body) == (422, refused)
    assert (await world.job(job.jobid))["status"] == "moderated"


async def test_buttons(world: ApiFixture) -> None:
    parent = world.api.add_job(world.account, timelines.completed(30))
    press = {"jobid": parent.jobid, "button": "U2"}
    assert (await world.post("button", json=press))[0] == 400
    world.clock.forward(31)
    assert (await world.post("button", json=press | {"button": "U9"}))[0] == 400
    status, body = await world.post("button", json=press)
    assert (status, body["verb"], body["button"]) == (200, "pixverse-button", "U2")
    assert (body["parentJobId"], body["channel"]) == (parent.jobid, parent.channel.channel)
    assert body["jobid"] != parent.jobid
    status, again = await world.post("button", json=press)
    assert (status, again["jobid"], again["button"]) == (409, body["jobid"], "U2")
    assert (await world.post("button", json=press | {"jobid": "job:0"}))[0] == 404
