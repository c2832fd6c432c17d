from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from sandbox.pixverse_api import faults, timelines
from tests.sandbox.pixverse_api.conftest import ApiFixture

JOB = "/v1/pixverse/jobs/"


async def raw(world: ApiFixture, jobid: str) -> tuple[int, str, bytes]:
    headers = {"Authorization": f"Bearer {world.account.token}"}
    async with world.http.get(world.api.base + JOB, params={"jobid": jobid}, headers=headers) as answer:
        return answer.status, answer.content_type, await answer.read()


async def test_statuses_come_with_their_usual_bodies(world: ApiFixture) -> None:
    for status in (400, 401, 402, 404, 410, 500, 502, 503, 504, 596):
        world.api.faults.add(faults.Status(status))
        answered, body = await world.get("/v1/pixverse/jobs")
        assert isinstance(body, dict)
        assert (answered, body["code"]) == (status, status)
    assert (await world.get("/v1/pixverse/jobs"))[0] == 200


async def test_bodies_and_retry_after(world: ApiFixture) -> None:
    job = world.api.add_job(world.account)
    world.api.faults.add(faults.Status(502, faults.HTML))
    assert await raw(world, job.jobid) == (502, "text/html", faults.HTML.encode())
    world.api.faults.add(faults.Status(429, retry_after=7))
    async with world.http.get(world.api.base) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "7")
    world.api.faults.add(faults.Code200(500))
    assert json.loads((await raw(world, job.jobid))[2]) == {"error": "Internal error", "code": 500}
    world.api.faults.add(faults.Empty())
    assert await raw(world, job.jobid) == (200, "application/json", b"")
    world.api.faults.add(faults.HalfBody())
    half = (await raw(world, job.jobid))[2]
    assert (await raw(world, job.jobid))[2].startswith(half)
    world.api.faults.add(faults.OtherType())
    assert (await raw(world, job.jobid))[1] == "text/html"


async def test_broken_connections(world: ApiFixture) -> None:
    job = world.api.add_job(world.account)
    world.api.faults.add(faults.Cut(), times=None)
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await raw(world, job.jobid)
    world.api.faults.clear()
    world.api.faults.add(faults.Truncated())
    with pytest.raises(aiohttp.ClientPayloadError):
        await raw(world, job.jobid)
    assert world.api.requests[-1].status is None
    assert (await raw(world, job.jobid))[0] == 200


async def test_a_fault_affects_only_what_it_is_for(world: ApiFixture) -> None:
    other = world.api.add_account(77)
    job, twin = world.api.add_job(world.account), world.api.add_job(world.account)
    fault = world.api.faults.add(faults.Status(404), job=job, path=JOB, method="GET", times=2)
    world.api.faults.add(faults.Status(500), account=other, times=None)
    assert [(await raw(world, one.jobid))[0] for one in (twin, job, job, job)] == [200, 404, 404, 200]
    assert fault.played == 2
    assert (await world.get("/v1/pixverse/jobs"))[0] == 200
    assert (await world.get("/v1/pixverse/jobs", token=other.token))[0] == 500


async def test_before_and_after_the_action(world: ApiFixture) -> None:
    boat = {"prompt": "boat", "style": "Anime"}
    world.api.faults.add(faults.Status(504), method="POST")
    assert (await world.post("create", json=boat))[0] == 504
    assert world.api.jobs == []
    world.api.faults.add(faults.AfterHandling(faults.Status(504)), method="POST")
    assert (await world.post("create", json=boat))[0] == 504
    assert len(world.api.jobs) == 1
    world.api.faults.add(faults.AfterHandling(faults.Cut()), path="/v1/pixverse/create")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await world.post("create", json=boat)
    assert len(world.api.jobs) == 2


async def test_held_until_released(world: ApiFixture) -> None:
    job, gate = world.api.add_job(world.account), asyncio.Event()
    world.api.faults.add(faults.Hold(gate))
    asking = asyncio.create_task(raw(world, job.jobid))
    await world.api.until(lambda: world.api.asked(job) == 1)
    assert not asking.done()
    gate.set()
    assert (await asking)[0] == 200


async def test_off_and_on(world: ApiFixture) -> None:
    world.api.off()
    assert (await world.get("/v1/pixverse/jobs"))[0] == 503
    world.api.on()
    assert (await world.get("/v1/pixverse/jobs"))[0] == 200


async def test_refused_connections_and_the_same_port_again(world: ApiFixture) -> None:
    job, base = world.api.add_job(world.account), world.api.base
    await raw(world, job.jobid)
    await world.api.refuse_connections()
    with pytest.raises(aiohttp.ClientConnectionError):
        await raw(world, job.jobid)
    await world.api.accept_connections()
    assert world.api.base == base
    assert (await raw(world, job.jobid))[0] == 200


async def test_until_reports_the_last_requests(world: ApiFixture) -> None:
    await world.get("/v1/pixverse/jobs")
    with pytest.raises(TimeoutError, match=r"GET /v1/pixverse/jobs 200"):
        await world.api.until(lambda: False, timeout=0.02)


async def test_a_large_response(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.never_ends())
    job.raw = {"jobid": job.jobid, "content": "x" * 5_000_000}
    assert len((await raw(world, job.jobid))[2]) > 5_000_000
