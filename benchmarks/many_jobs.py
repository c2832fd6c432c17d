"""100,000 active jobs of 1,000 servers, with realistic ages: how much memory they add to the idle bot, how long a start
takes until the first poll, and whether polls then come in a burst.

5 % of the jobs are younger than five minutes, another 15 % younger than an hour, the rest up to 46 hours old.
"""

from __future__ import annotations

import asyncio
import math
import sqlite3
import time
from pathlib import Path
from random import Random

from benchmarks.filling import account_numbers, insert
from benchmarks.harness import BenchmarkServer, add_servers, open_harness, set_tokens, settled_bytes
from benchmarks.results import Curve, Line, Result, Row, figure
from benchmarks.sizes import Sizes
from model import snapshots
from pixverse.jobs_v1 import read_job
from relay.polling import schedule
from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account
from settings import DatabasePlace
from tests.e2e.harness import Harness

_INTERVAL = 20.0
_SETTLE_SECONDS = 15.0
_MEGABYTE = 1e6
_BURST_SECONDS = 5
_LOADED = "jobs are polled"
"""What the bot logs once it has read all of them."""


async def run(sizes: Sizes) -> Result:
    """Measures one bot for each number of jobs, on one database that grows."""
    starts: list[float] = []
    bursts: list[float] = []
    memory: list[tuple[float, float]] = []
    settle = min(_SETTLE_SECONDS, sizes.seconds * 4)
    async with open_harness(POLL_INTERVAL=str(_INTERVAL)) as harness:
        harness.pixverse.sweep_seconds = math.inf
        made = add_servers(harness, sizes.servers)
        await set_tokens(harness.ledger.path, [place for place, _ in made])
        await harness.start()
        idle = await settled_bytes(harness.bot.pid, settle)
        await harness.stop()
        there = 0
        for jobs in sizes.open_jobs:
            add_jobs(harness.pixverse, harness.ledger.path, made, range(there, jobs))
            there = jobs
            for _ in range(sizes.rounds if jobs == sizes.open_jobs[-1] else 1):
                at_first = len(harness.pixverse.requests)
                started = await _start(harness)
                memory.append((jobs, (await settled_bytes(harness.bot.pid, settle) - idle) / _MEGABYTE))
                if jobs == sizes.open_jobs[-1]:
                    starts.append(started)
                    bursts.append(_busiest(harness, at_first) / _planned(harness.ledger.path))
                await harness.stop()
    largest = [megabytes for jobs, megabytes in memory if jobs == sizes.open_jobs[-1]]
    what = f"{sizes.open_jobs[-1]:,} open jobs"
    return Result(
        [
            Row(f"{what}: memory above idle", figure(largest), " MB", at_most=150, notes=f"idle {idle / 1e6:.0f} MB"),
            Row(f"{what}: from exec to the first poll", figure(starts), " s", at_most=3),
            Row(f"{what}: busiest second after the start / what is due in a second", figure(bursts), "", at_most=2),
        ],
        [
            Curve(
                "memory",
                "Memory by open jobs",
                "open jobs",
                "MB above the idle bot",
                (Line("bot", tuple(memory)), Line("1.5 kB a job", tuple((n, n * 0.0015) for n, _ in memory), True)),
            )
        ],
    )


async def _start(harness: Harness) -> float:
    """Starts the bot and waits until it has read all jobs. Returns the seconds from exec to the first request."""
    before = len(harness.pixverse.requests)
    loaded = len(harness.bot.said(_LOADED))
    began = time.monotonic()
    await harness.bot.start()
    while len(harness.pixverse.requests) == before:  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    await harness.ready()
    while len(harness.bot.said(_LOADED)) == loaded:  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.05)
    return took


def _busiest(harness: Harness, since: int) -> float:
    """The highest number of requests a second, averaged over five successive seconds."""
    seconds = [request.at // 1000 for request in harness.pixverse.requests[since:]]
    counts = [seconds.count(second) for second in range(min(seconds, default=0), max(seconds, default=0) + 1)]
    windows = [counts[k : k + _BURST_SECONDS] for k in range(max(1, len(counts) - _BURST_SECONDS + 1))]
    return max((sum(window) / len(window) for window in windows), default=0.0)


def _planned(path: Path) -> float:
    """The requests a second that the schedule itself causes, one job at a time."""
    now = time.time_ns() // 1_000_000
    database = sqlite3.connect(path)
    ages = [(now - since) / 1000 for (since,) in database.execute("SELECT watched_since FROM jobs")]
    database.close()
    return sum(1 / schedule.gap(_INTERVAL, age) for age in ages)


def add_jobs(
    api: PixverseApi, database: DatabasePlace, made: list[tuple[BenchmarkServer, Account]], numbers: range
) -> None:
    """Adds jobs to the API, and with the API's response to the database of a bot that isn't running."""
    random = Random(numbers.start)
    now = time.time_ns() // 1_000_000
    accounts = account_numbers(database)
    jobs, subscriptions = [], []
    for number in numbers:
        place, account = made[number % len(made)]
        jobid = f"job:20261124{number:09d}-user:{account.number}-channel:{account.channels[0].channel}-bot:pixverse"
        answer = read_job(api.add_job(account, jobid=jobid).shown, jobid)
        since = now - round(_age(random) * 1000)
        jobs.append((number + 1, accounts[place.account_key], jobid, snapshots.dump(answer), since, since))
        subscriptions.append((number + 1, place.guild_id, place.channel_id, since, True))
    insert(database, "jobs", ("id", "account_id", "jobid", "snapshot", "watched_since", "changed_at"), jobs)
    columns = ("job_id", "guild_id", "channel_id", "created_at", "card_final")
    insert(database, "subscriptions", columns, subscriptions)


def _age(random: Random) -> float:
    """Draws the seconds since a job was first requested."""
    share = random.random()
    if share < 0.05:
        return random.uniform(0, schedule.YOUNG)
    if share < 0.2:
        return random.uniform(schedule.YOUNG, schedule.OLD)
    return random.uniform(schedule.OLD, 46 * 3600)
