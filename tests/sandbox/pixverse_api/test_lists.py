from __future__ import annotations

import pytest

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from tests.sandbox.pixverse_api.conftest import ApiFixture

LISTS = {"v1": "/v1/pixverse/jobs", "v2": "/v2/pixverse/scheduler/"}


@pytest.fixture(params=["v1", "v2"])
def generation(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def add(world: ApiFixture, generation: str) -> Job:
    return world.api.add_job(world.account) if generation == "v1" else world.api.add_video(world.account)


async def listed(world: ApiFixture, generation: str) -> list[str]:
    status, entries = await world.ask("GET", LISTS[generation])
    assert status == 200
    return [entry if isinstance(entry, str) else entry["id"] for entry in entries]


async def test_the_list_names_only_active_jobs(world: ApiFixture, generation: str) -> None:
    ended, running = add(world, generation), add(world, generation)
    assert await listed(world, generation) == [ended.jobid, running.jobid]
    ended.complete()
    running.set("progress")
    assert await listed(world, generation) == [running.jobid]
    running.expire()
    assert await listed(world, generation) == []


async def test_the_list_can_lag_and_be_wrong(world: ApiFixture, generation: str) -> None:
    ended, running = add(world, generation), add(world, generation)
    ended.complete()
    world.api.lists.lagging.add(ended.jobid)
    world.api.lists.unlisted.add(running.jobid)
    assert await listed(world, generation) == [ended.jobid]
    world.api.lists.lagging.clear()
    world.api.lists.unlisted.clear()
    assert await listed(world, generation) == [running.jobid]


async def test_the_list_can_fail_while_records_are_served(world: ApiFixture, generation: str) -> None:
    job = add(world, generation)
    world.api.faults.add(faults.Status(500), path=LISTS[generation], times=None)
    assert (await world.ask("GET", LISTS[generation]))[0] == 500
    query = {"jobid": job.jobid} if generation == "v1" else {}
    path = "/v1/pixverse/jobs/" if generation == "v1" else f"/v2/pixverse/videos/{job.jobid}"
    assert (await world.get(path, **query))[0] == 200
