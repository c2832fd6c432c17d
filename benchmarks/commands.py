"""`/pixverse status`, from the interaction to the reply's text, while the bot polls at 70 % of its capacity and the API
responds in 20 ms."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from benchmarks.commits import Commits
from benchmarks.filling import account_numbers, insert
from benchmarks.harness import BenchmarkServer, open_harness, set_tokens
from benchmarks.pixverse_process import Served, ServedJob, serve
from benchmarks.real_poller import real_poller
from benchmarks.results import Result, Row, figure, percentile
from benchmarks.sizes import Sizes
from sandbox.discord_wire import Channel, Member
from settings import DatabasePlace
from tests.e2e.harness import Harness

_ANSWER_MS = 20
_LOAD = 0.7
_EACH_SECONDS = 0.1


async def run(sizes: Sizes) -> Result:
    """Measures the poller's capacity with such an API first, then the commands."""
    async with serve_for_commands(sizes) as served:
        polled = await jobs_at(_LOAD, served, sizes)
        async with open_harness(**settings_for(served, sizes)) as harness:
            waits, seen = await under_load(harness, (), served, polled, sizes)
    notes = f"p50 {1000 * percentile(waits, 0.5):.0f} ms, {len(waits)} commands, {seen:,.0f} polls a second"
    return Result(
        [Row("/pixverse status under load, p99", figure([1000 * percentile(waits, 0.99)]), " ms", 250, notes=notes)]
    )


def serve_for_commands(sizes: Sizes) -> AbstractAsyncContextManager[Served]:
    """An API that responds in 20 ms, with more jobs than any poller can keep up with, and one for each command."""
    jobs = int(sizes.capacity_interval * 12_000 * min(1.0, sizes.seconds))
    return serve(jobs + sizes.commands, sizes.accounts, answer_ms=_ANSWER_MS, lists=False)


async def jobs_at(load: float, served: Served, sizes: Sizes) -> int:
    """The number of jobs that loads the bot's poller with this share of its capacity."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with real_poller(Path(folder) / "relay.db", served, 0.01) as poller, poller.running():
            await poller.told_once(len(served.jobs))
            most = (await poller.throughput(sizes.seconds)).rate
    return min(len(served.jobs) - sizes.commands, int(load * most * sizes.capacity_interval))


def settings_for(served: Served, sizes: Sizes) -> dict[str, str]:
    """The settings with which the bot uses the served API."""
    return {"USEAPI_URL": served.base, "POLL_INTERVAL": str(sizes.capacity_interval)}


async def under_load(
    harness: Harness, keys: Sequence[str], served: Served, polled: int, sizes: Sizes
) -> tuple[list[float], float]:
    """Starts the bot with this many jobs. Returns the seconds that each command waited, and the polls per second
    meanwhile."""
    tokens = sorted({job.token for job in served.jobs})
    guilds = [harness.discord.add_guild(f"Studio {number}") for number in range(len(tokens))]
    channels = [guild.add_text_channel("videos") for guild in guilds]
    members = [guild.add_member("alice") for guild in guilds]
    made = [
        BenchmarkServer(guild.id, channel.id, token)
        for guild, channel, token in zip(guilds, channels, tokens, strict=True)
    ]
    await set_tokens(harness.ledger.place, made, keys)
    _watch(harness.ledger.place, served.jobs[:polled], {place.token: place for place in made})
    await harness.start()
    await _told_once(harness.ledger.place, sizes.capacity_interval)
    seats = {token: (channels[number], members[number]) for number, token in enumerate(tokens)}
    before, began = await served.request_count(), time.monotonic()
    waits = await _commands(served.jobs[polled : polled + sizes.commands], seats)
    return waits, (await served.request_count() - before) / (time.monotonic() - began)


async def _told_once(database: DatabasePlace, interval: float) -> None:
    """Waits until each job has had its first response and the database has stored it; only first responses are news."""
    await asyncio.sleep(2 * interval)
    commits = Commits(database)
    try:
        await commits.cease()
    finally:
        commits.close()


async def _commands(jobs: tuple[ServedJob, ...], seats: dict[str, tuple[Channel, Member]]) -> list[float]:
    """The seconds that each command waited. A command begins every tenth of a second, whether or not earlier ones have
    their replies."""

    async def one(job: ServedJob) -> float:
        channel, member = seats[job.token]
        began = time.monotonic()
        answer = await member.slash(channel, "pixverse status", jobid=job.jobid)
        if not answer.text.startswith("**Watching.**"):
            raise RuntimeError(answer.text)
        return time.monotonic() - began

    tasks = []
    for job in jobs:
        tasks.append(asyncio.create_task(one(job)))
        await asyncio.sleep(_EACH_SECONDS)
    return await asyncio.gather(*tasks)


def _watch(database: DatabasePlace, jobs: tuple[ServedJob, ...], servers: dict[str, BenchmarkServer]) -> None:
    """Makes every job watched from now on, in the database of a bot that isn't running."""
    now = time.time_ns() // 1_000_000
    accounts = account_numbers(database)
    watched = [(number, job.jobid, servers[job.token]) for number, job in enumerate(jobs, start=1)]
    insert(
        database,
        "jobs",
        ("id", "account_id", "jobid", "watched_since", "changed_at"),
        [(number, accounts[place.account_key], jobid, now, now) for number, jobid, place in watched],
    )
    insert(
        database,
        "subscriptions",
        ("job_id", "guild_id", "channel_id", "created_at", "card_final"),
        [(number, place.guild_id, place.channel_id, now, True) for number, _, place in watched],
    )
