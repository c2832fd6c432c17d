"""How many active jobs there may be before polls run late, if all are young and requested one by one. The yardsticks
are what `bare` requests in an interval if the API responds at once, and `naive` if it responds in 200 ms.

At an interval of 20 s a poll counts as late after a second. Here the interval is shorter, and so is that time, so that
fewer jobs are needed. Jitter is left out, so that each poll's delay is known exactly.
"""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

import aiohttp

from benchmarks.bare import bare_throughput
from benchmarks.naive import NaiveBot, Record
from benchmarks.pixverse_process import Served, serve
from benchmarks.real_poller import real_poller
from benchmarks.results import Curve, Line, Result, Row, figure, percentile
from benchmarks.sizes import Sizes
from relay.polling.poller import AT_ONCE

_LATE_SHARE = 1 / 20
_SLOW_MS = 200
_INTERVALS_SETTLING = 4
"""Intervals until the jobs that were all read and requested at the start have spread out again."""
_INTERVALS_WATCHED = 2
_NAIVE_STEPS = (50, 75, 100)


class Even(Random):
    """A source of randomness without jitter."""

    def uniform(self, a: float, _b: float) -> float:
        return a


async def run(sizes: Sizes) -> Result:
    """Measures both comparisons, each round next to its yardstick."""
    quick = await _against_bare(sizes)
    slow = await _against_naive(sizes)
    return Result(quick.rows + slow.rows, quick.curves + slow.curves)


async def _against_bare(sizes: Sizes) -> Result:
    interval = sizes.capacity_interval
    shares: list[float] = []
    points: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with serve(sizes.accounts, sizes.accounts) as served:
            expected = (await bare_throughput(served, sizes.seconds, AT_ONCE)).rate
        most = int(1.3 * max(sizes.capacity_shares) * interval * expected)
        async with serve(max(most, sizes.accounts), sizes.accounts) as served:
            await _warm(folder / "warm", served)
            for _ in range(min(sizes.rounds, 3)):
                bare = (await bare_throughput(served, sizes.seconds, AT_ONCE)).rate
                tried = [min(most, int(share * interval * bare)) for share in sizes.capacity_shares]
                late = [(jobs, await _lateness(folder, served, jobs, interval)) for jobs in tried]
                points += [(jobs / (interval * bare), lateness / interval) for jobs, lateness in late]
                shares.append(_crossing(late, interval * _LATE_SHARE) / (interval * bare))
    row = Row("open jobs before polls run late / bare's requests in an interval", figure(shares), "", at_least=0.8)
    curve = Curve(
        "capacity",
        "Lateness of polls, the API answering at once",
        "open jobs / requests that bare makes in an interval",
        "p99 of lateness / interval",
        (
            Line("poller", tuple(sorted(points))),
            Line("late", tuple((x, _LATE_SHARE) for x in (min(points)[0], max(points)[0])), dashed=True),
        ),
        logarithmic=False,
    )
    return Result([row], [curve])


async def _against_naive(sizes: Sizes) -> Result:
    interval = sizes.capacity_interval
    times: list[float] = []
    jobs_needed = int(max(_NAIVE_STEPS) * interval * (1 + _LATE_SHARE) * 1000 / _SLOW_MS)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        async with serve(jobs_needed, sizes.accounts, answer_ms=_SLOW_MS) as served:
            await _warm(folder / "warm", served)
            for _ in range(min(sizes.rounds, 3)):
                naive = await _naive_rate(served, sizes.seconds) * interval * (1 + _LATE_SHARE)
                tried = [min(int(step * naive), jobs_needed) for step in _NAIVE_STEPS]
                late = [(jobs, await _lateness(folder, served, jobs, interval)) for jobs in tried]
                times.append(_crossing(late, interval * _LATE_SHARE) / naive)
    notes = "requests one job after the other, so 200 ms is its limit"
    return Result(
        [Row("open jobs before polls run late, API in 200 ms / naive's", figure(times), "", at_least=50, notes=notes)]
    )


async def _warm(folder: Path, served: Served) -> None:
    """Makes a database that already has every job's first response."""
    folder.mkdir()
    async with real_poller(folder / "relay.db", served, 0.01) as poller, poller.running():
        await poller.told_once(len(served.jobs))


async def _lateness(folder: Path, served: Served, jobs: int, interval: float) -> float:
    """The p99 of the seconds by which polls began late, after the start has settled."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "relay.db"
        shutil.copy(folder / "warm" / "relay.db", path)
        with sqlite3.connect(path) as database:
            database.execute("DELETE FROM subscriptions WHERE job_id > ?", (jobs,))
            database.execute("UPDATE jobs SET watched_since = ?", (time.time_ns() // 1_000_000,))
        database.close()
        with _own_objects_left_alone():
            async with (
                real_poller(path, served, interval, random=Even(1), filled=True) as poller,
                poller.running(),
            ):
                await asyncio.sleep(interval * _INTERVALS_SETTLING)
                settled_at = time.monotonic()
                await asyncio.sleep(interval * _INTERVALS_WATCHED)
        last: dict[str, float] = {}
        late = []
        for jobid, at in poller.asked:
            if jobid in last and at >= settled_at:
                late.append(at - last[jobid] - interval)
            last[jobid] = at
        return percentile(late, 0.99)


@contextmanager
def _own_objects_left_alone() -> Iterator[None]:
    """Keeps the garbage collector from traversing the benchmark's own hundred thousand jobs during the poller's
    collections."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _crossing(late: list[tuple[int, float]], limit: float) -> float:
    """The number of jobs at which the delay reaches the limit, interpolated between the two nearest tries."""
    if late[0][1] > limit:
        return float(late[0][0]) * limit / late[0][1]
    for (fewer, before), (more, after) in pairwise(late):
        if after > limit:
            return fewer + (more - fewer) * (limit - before) / (after - before)
    return float(late[-1][0])


async def _naive_rate(served: Served, seconds: float) -> float:
    """How many jobs a second `naive` requests."""
    asked = 0
    tokens = {job.jobid: job.token for job in served.jobs}
    async with aiohttp.ClientSession() as session:

        async def fetch(jobid: str) -> Record:
            nonlocal asked
            asked += 1
            url, headers = f"{served.base}/v1/pixverse/jobs/", {"Authorization": f"Bearer {tokens[jobid]}"}
            async with session.get(url, params={"jobid": jobid}, headers=headers) as response:
                record: Record = json.loads(await response.read())
                return record

        async def edit(_interaction: str, _text: str) -> None:
            return

        bot = NaiveBot(fetch, edit)
        for job in served.jobs[:5]:
            await bot.status(job.jobid, "token")
        asked, began = 0, time.monotonic()
        while time.monotonic() - began < seconds:
            await bot.turn()
        bot.close()
        return asked / (time.monotonic() - began)
