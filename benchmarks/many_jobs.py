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
from benchmarks.results import Curve, Line, Result, Row, figure
from benchmarks.sizes import Sizes
from benchmarks.stages import BenchmarkServer, add_servers, set_tokens, settled_bytes, stage
from model import snapshots
from pixverse.jobs_v1 import read_job
from relay.polling import schedule
from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account
from settings import DatabasePlace
from tests.e2e.stage import Stage

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
    async with stage(POLL_INTERVAL=str(_INTERVAL)) as played:
        played.pixverse.sweep_seconds = math.inf
        made = add_servers(played, sizes.servers)
        await set_tokens(played.ledger.path, [place for place, _ in made])
        await played.start()
        idle = await settled_bytes(played.bot.pid, settle)
        await played.stop()
        there = 0
        for jobs in sizes.open_jobs:
            add_jobs(played.pixverse, played.ledger.path, made, range(there, jobs))
            there = jobs
            for _ in range(sizes.rounds if jobs == sizes.open_jobs[-1] else 1):
                at_first = len(played.pixverse.requests)
                started = await _start(played)
                memory.append((jobs, (await settled_bytes(played.bot.pid, settle) - idle) / _MEGABYTE))
                if jobs == sizes.open_jobs[-1]:
                    starts.append(started)
                    bursts.append(_busiest(played, at_first) / _planned(played.ledger.path))
                await played.stop()
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


async def _start(played: Stage) -> float:
    """Starts the bot and waits until it has read all jobs. Returns the seconds from exec to the first request."""
    before = len(played.pixverse.requests)
    loaded = len(played.bot.said(_LOADED))
    began = time.monotonic()
    await played.bot.start()
    while len(played.pixverse.requests) == before:  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.005)
    took = time.monotonic() - began
    await played.ready()
    while len(played.bot.said(_LOADED)) == loaded:  # noqa: ASYNC110  # nothing tells when
        await asyncio.sleep(0.05)
    return took


def _busiest(played: Stage, since: int) -> float:
    """The highest number of requests a second, averaged over five successive seconds."""
    seconds = [request.at // 1000 for request in played.pixverse.requests[since:]]
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
