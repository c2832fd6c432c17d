"""Requests to the API for each relayed job, against `naive`: ten jobs at a time on one account, three minutes each,
both polling every 10 s, with an API that responds at once; and how long after a job's end its outcome is known.

Runs on a clock that is moved by hand, with the real relay and its database; randomness is seeded.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import fmean, stdev

from benchmarks.naive import NaiveBot, Record
from benchmarks.results import Result, Row, figure
from benchmarks.sizes import Sizes
from model.job import JobState
from pixverse.api import PixVerseApi
from pixverse.api_client import ApiClient
from tests.clock import ManualClock
from tests.relay.relay_fixture import FakeApi, RelayFixture, open_database

_AT_ONCE = 10
_LASTING_SECONDS = (170.0, 190.0)
_INTERVAL = 10.0
_GENERATIONS = ("v1", "v2")


@dataclass(frozen=True, slots=True)
class _Planned:
    """A job, and the simulated seconds at which it begins and ends."""

    jobid: str
    begins: float
    ends: float


@dataclass(slots=True)
class _Cost:
    """What one side needed."""

    requests: int = 0
    delays: list[float] = field(default_factory=list)

    def each(self, jobs: int) -> float:
        return self.requests / jobs


def _plan(jobs: int, generation: str, random: Random) -> list[_Planned]:
    """Each of ten slots begins at its own moment, and starts its next job as soon as one ends."""
    plan: list[_Planned] = []
    free_at = [random.uniform(0, _LASTING_SECONDS[1]) for _ in range(_AT_ONCE)]
    for number in range(jobs):
        place = free_at.index(min(free_at))
        begins = free_at[place]
        free_at[place] += random.uniform(*_LASTING_SECONDS)
        plan.append(_Planned(_jobid(generation, number), begins, free_at[place]))
    return plan


def _jobid(generation: str, number: int) -> str:
    if generation == "v1":
        return f"job:20261124{number:09d}-user:4321-channel:1300000000000000001-bot:pixverse"
    return f"user:4321-pixverse:studio@example.com-video:{10**14 + number}"


async def run(sizes: Sizes) -> Result:
    """Measures `naive`, then the relay with cards and without, for both generations of the API."""
    result = Result()
    for generation in _GENERATIONS:
        plan = _plan(sizes.relayed_jobs, generation, Random(7))
        naive = await _play_naive(plan)
        for kind, target in (("cards", 0.4), ("no cards", 0.25)):
            ours = await _play_relay(plan, cards=kind == "cards")
            notes = f"{ours.each(len(plan)):.2f} requests a job, naive {naive.each(len(plan)):.2f}"
            ratio = ours.requests / naive.requests
            result.rows.append(
                Row(f"requests for each job, {generation}, {kind} / naive", figure([ratio]), "", target, notes=notes)
            )
            later = fmean(ours.delays) - fmean(naive.delays)
            chance = math.hypot(_error_of_mean(ours.delays), _error_of_mean(naive.delays))
            notes = (
                f"mean {fmean(ours.delays):.2f} s, naive {fmean(naive.delays):.2f} s; chance alone makes ±{chance:.2f}"
            )
            result.rows.append(
                Row(f"outcome later than naive's, {generation}, {kind}, mean", figure([later]), " s", notes=notes)
            )
    return result


def _error_of_mean(values: list[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


async def _play_naive(plan: list[_Planned]) -> _Cost:
    cost, now = _Cost(), 0.0

    async def fetch(jobid: str) -> Record:
        nonlocal now
        cost.requests += 1
        ended = ends[jobid] <= now
        if ended:
            cost.delays.append(now - ends[jobid])
        return {"status": "completed" if ended else "progress"}

    async def edit(_interaction: str, _text: str) -> None:
        return

    ends = {job.jobid: job.ends for job in plan}
    waiting = sorted(plan, key=lambda job: job.begins)
    bot = NaiveBot(fetch, edit)
    turn_at = 0.0
    while len(cost.delays) < len(plan):
        while waiting and waiting[0].begins <= turn_at:
            job = waiting.pop(0)
            now = job.begins
            await bot.status(job.jobid, job.jobid)
        now = turn_at
        await bot.turn()
        turn_at += _INTERVAL
    bot.close()
    return cost


class _ListedApi(FakeApi):
    """Has the job lists that the real client would request."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._real = PixVerseApi(ApiClient(None, ""))  # type: ignore[arg-type]  # it is only asked about ids

    def kind_of(self, jobid: str) -> str:
        return self._real.kind_of(jobid)


async def _play_relay(plan: list[_Planned], *, cards: bool) -> _Cost:
    cost = _Cost()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        database = await open_database(Path(folder))
        world = RelayFixture(database, interval=_INTERVAL, api=_ListedApi)
        world.run()
        began = world.clock.monotonic()
        changes = [(job.begins, True, job) for job in plan] + [(job.ends, False, job) for job in plan]
        for at, begins, job in sorted(changes, key=lambda one: one[0]):
            await world.advance(max(0.0, began + at - world.clock.monotonic()))
            if begins:
                await _begin(world, job.jobid, cards=cards)
            else:
                world.api.put(job.jobid, JobState.FAILED)
        await world.advance(3 * _INTERVAL)
        cost.requests = len(world.api.asked) + len(world.api.list_requests)
        cost.delays = _delays(world, {job.jobid: began + job.ends for job in plan})
        await world.close()
        await database.close()
    return cost


async def _begin(world: RelayFixture, jobid: str, *, cards: bool) -> None:
    """Somebody requests the job with a command."""
    world.api.put(jobid)
    if cards:
        await world.watch(jobid)
    else:
        await world.commands.many.watch(world.ask(), jobid, mention=False)


def _delays(world: RelayFixture, ends: dict[str, float]) -> list[float]:
    """The seconds from each job's end to the first request for its record after that."""
    seen: dict[str, float] = {}
    for at, _, jobid in world.api.asked:
        if at >= ends[jobid]:
            seen.setdefault(jobid, at)
    if len(seen) != len(ends):
        raise RuntimeError(f"{len(ends) - len(seen)} outcomes are missing")
    return [at - ends[jobid] for jobid, at in seen.items()]
