from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from sandbox.pixverse_api import faults, timelines
from sandbox.pixverse_api.callbacks import CallbackPolicy, CallbackTiming
from sandbox.pixverse_api.server import Server
from tests.sandbox.pixverse_api.conftest import ApiFixture, HandClock

BOAT = {"prompt": "paper boat in rain", "style": "Realistic"}
CREATE_V2 = "/v2/pixverse/videos/create"


class Ear:
    """Hears callbacks."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.types: set[str] = set()
        self._server = Server(self._application)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}/hear?ind=3"

    async def __aenter__(self) -> Ear:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop()

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/hear", self._hear)
        return application

    async def _hear(self, request: web.Request) -> web.Response:
        assert request.query["ind"] == "3"
        self.types.add(request.content_type)
        self.heard.append(await request.json())
        return web.Response(text="ok")

    @property
    def states(self) -> list[str]:
        return [str(body.get("status") or body["video_status_name"]) for body in self.heard]


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    async with Ear() as ear:
        yield ear


async def sent(world: ApiFixture, count: int) -> None:
    await world.api.until(lambda: len(world.api.callbacks.sent) >= count)
    assert len(world.api.callbacks.sent) == count


async def test_a_v1_callback_equals_the_record_and_comes_once_at_the_end(world: ApiFixture, ear: Ear) -> None:
    status, made = await world.post("create", json=BOAT | {"replyUrl": ear.url, "replyRef": "local-17"})
    assert status == 200
    world.clock.forward(15)
    assert (await world.job(made["jobid"]))["status"] == "progress"
    world.clock.forward(16)
    await sent(world, 1)  # though nobody asks any more
    assert ear.heard == [await world.job(made["jobid"])]
    assert (ear.heard[0]["status"], ear.heard[0]["replyRef"]) == ("completed", "local-17")
    assert ear.types == {"application/json"}
    assert world.api.callbacks.sent[0].status == 200
    assert ear.url not in repr(world.api.callbacks.sent)


async def test_a_v2_callback_is_its_flat_record(world: ApiFixture, ear: Ear) -> None:
    _, made = await world.ask("POST", CREATE_V2, json={"prompt": "boat", "replyUrl": ear.url, "replyRef": "17"})
    (job,) = world.api.jobs
    job.complete()
    await sent(world, 1)
    (told,) = ear.heard
    assert (told["video_id"], told["video_status"], told["video_status_final"]) == (made["video_id"], 1, True)
    assert (told["url"], told["replyRef"]) == (job.videos[0].url, "17")
    assert "errCode" not in told


async def test_a_v2_failure_has_an_error_code(world: ApiFixture, ear: Ear) -> None:
    job = world.api.add_video(world.account, replyUrl=ear.url)
    job.fail("broken")
    await sent(world, 1)
    assert (ear.heard[0]["video_status_name"], ear.heard[0]["errCode"]) == ("FAILED", 500044)


async def test_every_kind_of_end_is_reported(world: ApiFixture, ear: Ear) -> None:
    for status in ("moderated", "failed"):
        world.api.add_job(world.account, replyUrl=ear.url).fail("no", status=status)
    world.api.add_job(world.account, replyUrl=ear.url).cancel()
    await sent(world, 3)
    assert sorted(ear.states) == ["cancelled", "failed", "moderated"]


async def test_every_change(world: ApiFixture, ear: Ear, clock: HandClock) -> None:
    world.api.callbacks.policy = CallbackPolicy(CallbackTiming.EVERY_CHANGE)
    line = timelines.step(5, "progress", 31), timelines.finish(9)
    world.api.add_job(world.account, line, replyUrl=ear.url)
    await sent(world, 1)
    clock.forward(6)
    await sent(world, 2)
    clock.forward(6)
    await sent(world, 3)
    assert ear.states == ["created", "progress", "completed"]


async def test_twice_late_and_never(world: ApiFixture, ear: Ear) -> None:
    world.api.callbacks.policy = CallbackPolicy(CallbackTiming.NEVER)
    world.api.add_job(world.account, replyUrl=ear.url).complete()
    world.api.callbacks.policy = CallbackPolicy(times=2, late=0.01)
    job = world.api.add_job(world.account, replyUrl=ear.url)
    job.complete()
    assert world.api.callbacks.sent == []
    await sent(world, 2)
    assert [body["jobid"] for body in ear.heard] == [job.jobid, job.jobid]


async def test_a_callback_before_the_record_shows_the_end(world: ApiFixture, ear: Ear, clock: HandClock) -> None:
    world.api.sweep_seconds = math.inf
    world.api.callbacks.policy = CallbackPolicy(CallbackTiming.EARLY)
    by_hand = world.api.add_job(world.account, replyUrl=ear.url)
    by_hand.complete()
    by_itself = world.api.add_video(world.account, timelines.completed(9), replyUrl=ear.url)
    clock.forward(10)
    await sent(world, 2)
    assert {body.get("status") or body["video_status_name"] for body in ear.heard} == {"completed", "COMPLETED"}
    assert (by_hand.status, by_itself.status) == ("created", "created")
    world.api.sweep()
    assert (by_hand.status, by_itself.status) == ("completed", "completed")
    await sent(world, 2)


async def test_out_of_order(world: ApiFixture, ear: Ear) -> None:
    world.api.callbacks.policy = CallbackPolicy(CallbackTiming.OUT_OF_ORDER)
    job = world.api.add_job(world.account, replyUrl=ear.url)
    job.set("started")
    job.set("progress", 46)
    job.complete()
    await sent(world, 4)
    assert ear.states == ["completed", "progress", "started", "created"]


async def test_a_callback_before_the_post_s_response(world: ApiFixture, ear: Ear) -> None:
    world.api.callbacks.policy = CallbackPolicy(CallbackTiming.EVERY_CHANGE)
    world.api.faults.add(faults.AfterHandling(faults.Status(504)), path="/v1/pixverse/create")
    assert (await world.post("create", json=BOAT | {"replyUrl": ear.url}))[0] == 504
    await sent(world, 1)
    assert ear.states == ["started"]


async def test_a_refused_post_causes_no_callback(world: ApiFixture, ear: Ear) -> None:
    for path, given in (("/v1/pixverse/create", BOAT), (CREATE_V2, {"prompt": "boat"})):
        for policy in (CallbackTiming.EVERY_CHANGE, CallbackTiming.EARLY, CallbackTiming.AT_THE_END):
            world.api.callbacks.policy = CallbackPolicy(policy)
            world.api.script(timelines.moderated(0))
            assert (await world.ask("POST", path, json=given | {"replyUrl": ear.url}))[0] == 422
    world.api.callbacks.policy = CallbackPolicy()
    world.api.add_job(world.account, replyUrl=ear.url).complete()
    await sent(world, 1)


async def test_the_account_s_reply_url_serves_jobs_without_one(world: ApiFixture, ear: Ear) -> None:
    world.api.add_job(world.account).complete()
    assert (await plain(world, {"replyUrl": ear.url}))[0] == 200
    assert await world.get("/v2/account") == (200, {"name": "", "replyUrl": ear.url})
    world.api.add_job(world.account).complete()
    await sent(world, 1)
    assert "replyUrl" not in ear.heard[0]
    too_long = (400, '{"error": "replyUrl is too long", "code": 400}')
    assert await plain(world, {"replyUrl": "x" * 1025}) == too_long
    assert (await plain(world, ["x"]))[0] == 400
    assert (await plain(world, {"replyUrl": 3}))[0] == 400
    assert (await world.get("/v2/account", token="user:1-x"))[0] == 401


async def plain(world: ApiFixture, given: object) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {world.account.token}"}
    async with world.http.post(f"{world.api.base}/v2/account", json=given, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_only_this_machine_is_called(world: ApiFixture) -> None:
    for url in ("http://example.com/x", "http://127.0.0.1.example.com/", "file:///etc/passwd", "nonsense", "http://["):
        assert (await world.api.callbacks.post(url, {})).status is None


async def test_an_unreachable_address_is_not_called_again(world: ApiFixture, ear: Ear) -> None:
    async with Ear() as gone:
        url = gone.url
    world.api.add_job(world.account, replyUrl=url).complete()
    await sent(world, 1)
    world.api.add_job(world.account, replyUrl=ear.url).complete()
    await sent(world, 2)
    assert [callback.status for callback in world.api.callbacks.sent] == [None, 200]


async def test_by_hand(world: ApiFixture, ear: Ear) -> None:
    job = world.api.add_job(world.account, replyUrl=ear.url)
    answer = await world.api.callbacks.send(job, status="completed")
    assert (answer.jobid, answer.status, ear.states) == (job.jobid, 200, ["completed"])
    assert job.status == "created"
    await world.api.callbacks.post(ear.url, b'{"jobid": 7}')
    assert ear.heard[-1] == {"jobid": 7}
    with pytest.raises(ValueError, match="replyUrl"):
        await world.api.callbacks.send(world.api.add_job(world.account))
