"""Every kind of useless API response, once, in a burst and as a long outage.

Source: useapi.net PixVerse v1, get-pixverse-jobid, and the vendor's sibling APIs. Each kind has its own server, all run
at once, and one more server works normally. Every other server has v2 jobs; the order of the rows rotates between
tests, so that each row is tried with both generations.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import cycle, pairwise

import pytest
import pytest_asyncio

from sandbox.pixverse_api import faults
from sandbox.pixverse_api.fault_list import Fault
from sandbox.pixverse_api.faults import Action
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.requests_log import LoggedRequest
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_INTERVAL = 0.05
_OUTAGE_INTERVALS = 90
"""Half an hour at the interval of 20 seconds."""
_BURST = 6
_JOBS = 2
"""Of a server: so few that v2's are asked about one by one."""

_PASSING: dict[str, Action] = {
    "400": faults.Status(400),
    "401 of a proxy": faults.Status(401, faults.HTML),
    "403": faults.Status(403),
    "404 of a proxy": faults.Status(404, faults.HTML),
    "409": faults.Status(409),
    "410 of a proxy": faults.Status(410, faults.HTML),
    "412": faults.Status(412),
    "413": faults.Status(413),
    "422": faults.Status(422, {"error": "Moderated", "jobid": "job:1", "status": "moderated", "code": 422}),
    "429": faults.Status(429),
    "429 that says when": faults.Status(429, retry_after=0.2),
    "429 that says nonsense": faults.Status(429, retry_after="soon"),
    "500": faults.Status(500),
    "502": faults.Status(502, faults.HTML),
    "503 that says when": faults.Status(503, retry_after=0.2),
    "504": faults.Status(504),
    "596": faults.Status(596),
    "200 with HTML": faults.Status(200, faults.HTML),
    "200 with another code": faults.Code200(500),
    "200 with null": faults.Status(200, b"null", content_type="application/json"),
    "200 of another job": faults.Status(200, {"jobid": "job:other", "status": "failed", "code": 200}),
    "redirect": faults.Redirect("http://127.0.0.1:9/v1/pixverse/jobs/"),
    "half a body": faults.HalfBody(),
    "truncated": faults.Truncated(),
    "empty": faults.Empty(),
    "cut": faults.Cut(),
    "slow": faults.Slow(0.5),
}


@dataclass
class Row:
    """A server, and the fault in the responses to its account's requests."""

    name: str
    server: GuildFixture
    jobs: list[Job]
    fault: Fault

    @property
    def tries(self) -> int:
        """Requests per poll: aiohttp immediately repeats a GET whose connection was cut."""
        return 2 if isinstance(self.fault.action, faults.Cut) else 1

    async def ends_well(self) -> None:
        for job in self.jobs:
            job.complete()
        harness = self.server.harness
        await harness.discord.until(
            lambda: len(self.server.outcomes()) >= len(self.jobs), 15, f"{self.name}: the outcomes"
        )
        await self.server.settled()
        outcomes = self.server.outcomes()
        assert len(outcomes) == len(self.jobs), self.name
        assert all(outcome.text.startswith("**Your video is ready.**") for outcome in outcomes), self.name
        posted = {outcome.attachments[0].content for outcome in outcomes}
        assert posted == {job.videos[0].content for job in self.jobs}, self.name


@pytest_asyncio.fixture(loop_scope="module")
async def quick(build: Build) -> AsyncIterator[Harness]:
    harness = await build(POLL_INTERVAL=str(_INTERVAL))
    await harness.start()
    yield harness
    assert harness.bot.said("Traceback") == []


async def _watching(harness: Harness, generation: str = "v1") -> tuple[GuildFixture, list[Job]]:
    server = await harness.server()
    harness.generation = generation
    jobs = [server.job() for _ in range(_JOBS)]
    await asyncio.gather(*(server.status(job) for job in jobs))
    await harness.discord.until(lambda: len(server.cards()) == _JOBS)
    return server, jobs


async def _rows(harness: Harness, times: int | None, generations: tuple[str, str]) -> list[Row]:
    """One server for each row, with jobs of these generations in turn."""
    servers = [
        await _watching(harness, generation) for generation, _ in zip(cycle(generations), _PASSING, strict=False)
    ]
    rows = []
    for (name, action), (server, jobs) in zip(_PASSING.items(), servers, strict=True):
        fault = harness.pixverse.faults.add(action, account=server.account, times=times)
        rows.append(Row(f"{name}, {jobs[0].jobid[:4]}", server, jobs, fault))
    return rows


@pytest.mark.parametrize(("times", "generations"), [(1, ("v1", "v2")), (_BURST, ("v2", "v1"))], ids=["one", "burst"])
async def test_temporary_failures_end_no_job_and_lose_none(
    quick: Harness, times: int, generations: tuple[str, str]
) -> None:
    rows = await _rows(quick, times, generations)
    await quick.pixverse.until(lambda: all(row.fault.played == times for row in rows), 20)
    assert all(row.server.outcomes() == [] for row in rows)
    await asyncio.gather(*(row.ends_well() for row in rows))


async def test_a_partial_outage_starves_nobody_and_ends_without_a_rush(quick: Harness) -> None:
    well_server, well = await _watching(quick)
    rows = await _rows(quick, None, ("v1", "v2"))
    asked = _Asked(quick, [*well, *(job for row in rows for job in row.jobs)])
    requests = len(quick.pixverse.requests)
    began = time.monotonic()
    await quick.pixverse.until(lambda: asked.since(well[0]) >= _OUTAGE_INTERVALS, 30)
    # Six polls in the first 30 intervals, then one every 10 to 15; a busy machine takes longer.
    bound = max(_OUTAGE_INTERVALS, (time.monotonic() - began) / _INTERVAL) / 4
    assert {row.name for row in rows if any(asked.since(job) > bound * row.tries for job in row.jobs)} == set()
    assert all(row.server.outcomes() == [] for row in rows)
    # Without a poll of a working account, the bot can't know that the API is up; that happens on a busy machine.
    silence = _longest_silence(well_server, quick.pixverse.requests[requests:])
    assert quick.bot.said("API does not answer") == [] or silence > 1.2 * _INTERVAL

    asked = _Asked(quick, asked.jobs)
    quick.pixverse.faults.clear()
    began = time.monotonic()
    await quick.pixverse.until(lambda: all(asked.since(job) >= 3 for job in asked.jobs), 15)
    at_each_interval = (time.monotonic() - began) / _INTERVAL
    assert {job.jobid: asked.since(job) for job in asked.jobs if asked.since(job) > at_each_interval + 2} == {}

    for job in well:
        job.complete()
    await asyncio.gather(*(row.ends_well() for row in rows))
    await quick.discord.until(lambda: len(well_server.outcomes()) == _JOBS)


def _longest_silence(server: GuildFixture, requests: list[LoggedRequest]) -> float:
    """The longest time between two consecutive requests for a server's account, in seconds."""
    moments = [entry.at for entry in requests if entry.account == server.account.number]
    return max(later - earlier for earlier, later in pairwise(moments)) / 1000


class _Asked:
    """Counts the requests for jobs from now on."""

    def __init__(self, harness: Harness, jobs: list[Job]) -> None:
        self.jobs = jobs
        self._harness = harness
        self._before = {job.jobid: harness.pixverse.asked(job) for job in jobs}

    def since(self, job: Job) -> int:
        return self._harness.pixverse.asked(job) - self._before[job.jobid]


async def test_a_token_problem_puts_jobs_on_hold_until_it_is_over(quick: Harness) -> None:
    shapes: list[tuple[int, int | None]] = [(status, times) for status in (401, 402) for times in (1, 4, None)]
    servers = [await _watching(quick, generation) for generation, _ in zip(cycle(("v1", "v2")), shapes, strict=False)]
    await asyncio.gather(*(_trouble(*place, *shape) for place, shape in zip(servers, shapes, strict=True)))


async def _trouble(server: GuildFixture, jobs: list[Job], status: int, times: int | None) -> None:
    pixverse = server.harness.pixverse
    fault = pixverse.faults.add(faults.Status(status), account=server.account, times=times)
    await server.notice("**PixVerse results are on hold.**")
    asked = _Asked(server.harness, jobs)
    await pixverse.until(lambda: fault.played >= (times or 4), 20)
    assert all(asked.since(job) <= 1 for job in jobs), "only trials of the token, but for what was under way"
    assert server.outcomes() == []
    fault.left = 0
    await server.notice("**PixVerse results are back.**")
    await Row(f"{status}", server, jobs, fault).ends_well()
    assert len(server.notices()) == 2
