"""An outage of the whole API for half an hour's worth of polls, and the polling after it.

The requests are counted in the API's own log. One of the servers has v2 jobs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.stage import Stage
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_INTERVAL = 0.04
_OUTAGE_INTERVALS = 90
"""Half an hour at the interval of 20 seconds."""
_GENERATIONS = ("v1", "v1", "v2")
"""Of the jobs, server by server."""
_JOBS_EACH = 5

_Deed = Callable[[Stage], Awaitable[None]]


async def _off(stage: Stage) -> None:
    stage.pixverse.off()


async def _on(stage: Stage) -> None:
    stage.pixverse.on()


async def _refuse(stage: Stage) -> None:
    await stage.pixverse.refuse_connections()


async def _accept(stage: Stage) -> None:
    await stage.pixverse.accept_connections()


async def _portal(stage: Stage) -> None:
    stage.pixverse.faults.add(faults.Status(200, faults.HTML), times=None)


async def _no_portal(stage: Stage) -> None:
    stage.pixverse.faults.clear()


_OUTAGES: dict[str, tuple[_Deed, _Deed]] = {
    "503": (_off, _on),
    "nobody listens": (_refuse, _accept),
    "a page in place of every answer": (_portal, _no_portal),
}


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(build: Build) -> AsyncIterator[tuple[Stage, list[GuildFixture], list[Job]]]:
    """A stage with three servers that watch many jobs."""
    stage = await build(POLL_INTERVAL=str(_INTERVAL))
    await stage.start()
    servers = [await stage.server() for _ in _GENERATIONS]
    jobs = []
    for server, stage.generation in zip(servers, _GENERATIONS, strict=True):
        jobs.append([server.job() for _ in range(_JOBS_EACH)])
    await asyncio.gather(*(server.watch(*mine) for server, mine in zip(servers, jobs, strict=True)))
    every = [job for mine in jobs for job in mine]
    await stage.pixverse.until(lambda: all(stage.pixverse.asked(job) > 1 for job in every))
    yield stage, servers, every
    assert stage.bot.said("Traceback") == []


@pytest.mark.parametrize("name", _OUTAGES)
async def test_half_an_hour_without_the_api(crowd: tuple[Stage, list[GuildFixture], list[Job]], name: str) -> None:
    stage, servers, jobs = crowd
    begin, end = _OUTAGES[name]
    before = len(stage.pixverse.requests)
    await begin(stage)
    await asyncio.sleep(_INTERVAL * _OUTAGE_INTERVALS)
    in_outage = len(stage.pixverse.requests) - before
    # Until the API counts as down, each job may be polled twice; after that one job at a time, less and less often.
    assert in_outage <= 2 * len(jobs) + _OUTAGE_INTERVALS / 2
    assert len(stage.bot.said("API does not answer")) == 1
    for job in jobs:
        job.complete()

    before = len(stage.pixverse.requests)
    await end(stage)
    await until(lambda: all(len(server.outcomes()) >= _JOBS_EACH for server in servers), 20)
    await asyncio.gather(*(server.settled() for server in servers))
    assert all(len(server.outcomes()) == _JOBS_EACH for server in servers)
    posted = {outcome.attachments[0].content for server in servers for outcome in server.outcomes()}
    assert posted == {job.videos[0].content for job in jobs}
    asked = Counter(entry.jobid for entry in stage.pixverse.requests[before:])
    assert asked.pop(None, 0) <= _JOBS_EACH, "v2's lists take the place of questions about its jobs"
    assert len(asked) == len(jobs)
    assert sum(asked.values()) <= len(jobs) + 3, "each job once, and the one that found out"
    assert len(stage.bot.said("API answers again")) == 1


async def test_running_jobs_are_requested_once_an_interval(
    crowd: tuple[Stage, list[GuildFixture], list[Job]],
) -> None:
    stage, _, jobs = crowd
    stage.pixverse.off()
    await until(lambda: stage.bot.said("API does not answer"))
    before = {job.jobid: stage.pixverse.asked(job) for job in jobs}
    stage.pixverse.on()
    await until(lambda: stage.bot.said("API answers again"))

    def since(job: Job) -> int:
        return stage.pixverse.asked(job) - before[job.jobid]

    rounds = 5
    await stage.pixverse.until(lambda: all(since(job) >= rounds for job in jobs))
    assert max(map(since, jobs)) <= rounds + 3
