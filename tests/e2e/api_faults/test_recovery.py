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
from tests.e2e.harness import Harness
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_INTERVAL = 0.04
_OUTAGE_INTERVALS = 90
"""Half an hour at the interval of 20 seconds."""
_GENERATIONS = ("v1", "v1", "v2")
"""Of the jobs, server by server."""
_JOBS_EACH = 5

_Deed = Callable[[Harness], Awaitable[None]]


async def _off(harness: Harness) -> None:
    harness.pixverse.off()


async def _on(harness: Harness) -> None:
    harness.pixverse.on()


async def _refuse(harness: Harness) -> None:
    await harness.pixverse.refuse_connections()


async def _accept(harness: Harness) -> None:
    await harness.pixverse.accept_connections()


async def _portal(harness: Harness) -> None:
    harness.pixverse.faults.add(faults.Status(200, faults.HTML), times=None)


async def _no_portal(harness: Harness) -> None:
    harness.pixverse.faults.clear()


_OUTAGES: dict[str, tuple[_Deed, _Deed]] = {
    "503": (_off, _on),
    "nobody listens": (_refuse, _accept),
    "a page in place of every answer": (_portal, _no_portal),
}


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(build: Build) -> AsyncIterator[tuple[Harness, list[GuildFixture], list[Job]]]:
    """A harness with three servers that watch many jobs."""
    harness = await build(POLL_INTERVAL=str(_INTERVAL))
    await harness.start()
    servers = [await harness.server() for _ in _GENERATIONS]
    jobs = []
    for server, harness.generation in zip(servers, _GENERATIONS, strict=True):
        jobs.append([server.job() for _ in range(_JOBS_EACH)])
    await asyncio.gather(*(server.watch(*mine) for server, mine in zip(servers, jobs, strict=True)))
    every = [job for mine in jobs for job in mine]
    await harness.pixverse.until(lambda: all(harness.pixverse.asked(job) > 1 for job in every))
    yield harness, servers, every
    assert harness.bot.said("Traceback") == []


@pytest.mark.parametrize("name", _OUTAGES)
async def test_half_an_hour_without_the_api(crowd: tuple[Harness, list[GuildFixture], list[Job]], name: str) -> None:
    harness, servers, jobs = crowd
    begin, end = _OUTAGES[name]
    before = len(harness.pixverse.requests)
    await begin(harness)
    await asyncio.sleep(_INTERVAL * _OUTAGE_INTERVALS)
    in_outage = len(harness.pixverse.requests) - before
    # Until the API counts as down, each job may be polled twice; after that one job at a time, less and less often.
    assert in_outage <= 2 * len(jobs) + _OUTAGE_INTERVALS / 2
    assert len(harness.bot.said("API does not answer")) == 1
    for job in jobs:
        job.complete()

    before = len(harness.pixverse.requests)
    await end(harness)
    await until(lambda: all(len(server.outcomes()) >= _JOBS_EACH for server in servers), 20)
    await asyncio.gather(*(server.settled() for server in servers))
    assert all(len(server.outcomes()) == _JOBS_EACH for server in servers)
    posted = {outcome.attachments[0].content for server in servers for outcome in server.outcomes()}
    assert posted == {job.videos[0].content for job in jobs}
    asked = Counter(entry.jobid for entry in harness.pixverse.requests[before:])
    assert asked.pop(None, 0) <= _JOBS_EACH, "v2's lists take the place of requests for its jobs"
    assert len(asked) == len(jobs)
    assert sum(asked.values()) <= len(jobs) + 3, "each job once, and the one that found out"
    assert len(harness.bot.said("API answers again")) == 1


async def test_running_jobs_are_requested_once_an_interval(
    crowd: tuple[Harness, list[GuildFixture], list[Job]],
) -> None:
    harness, _, jobs = crowd
    harness.pixverse.off()
    await until(lambda: harness.bot.said("API does not answer"))
    before = {job.jobid: harness.pixverse.asked(job) for job in jobs}
    harness.pixverse.on()
    await until(lambda: harness.bot.said("API answers again"))

    def since(job: Job) -> int:
        return harness.pixverse.asked(job) - before[job.jobid]

    rounds = 5
    await harness.pixverse.until(lambda: all(since(job) >= rounds for job in jobs))
    assert max(map(since, jobs)) <= rounds + 3
