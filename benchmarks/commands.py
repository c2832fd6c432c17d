"""`/pixverse status`, from the interaction to the answer that can be read, while the bot polls at 70 % of its capacity
and the API answers in 20 ms.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.commits import Commits
from benchmarks.pixverse_process import AskedJob, Served, serve
from benchmarks.real_poller import real_poller
from benchmarks.results import Result, Row, figure, percentile
from benchmarks.sizes import Sizes
from benchmarks.stages import Place, set_tokens, stage
from sandbox.discord_wire import Channel, Member

_ANSWER_MS = 20
_LOAD = 0.7
_EACH_SECONDS = 0.1


async def run(sizes: Sizes) -> Result:
    """First what the poller can do with such an API, then the commands."""
    jobs = int(sizes.capacity_interval * 12_000 * min(1.0, sizes.seconds))
    async with serve(jobs + sizes.commands, sizes.accounts, answer_ms=_ANSWER_MS, lists=False) as served:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            async with real_poller(Path(folder), served, 0.01) as poller, poller.running():
                await poller.told_once(len(served.jobs))
                most = (await poller.pace(sizes.seconds)).rate
        polled = min(jobs, int(_LOAD * most * sizes.capacity_interval))
        waits, seen = await _under_load(served, polled, sizes)
    notes = f"p50 {1000 * percentile(waits, 0.5):.0f} ms, {len(waits)} commands, {seen:,.0f} polls a second"
    return Result(
        [Row("/pixverse status under load, p99", figure([1000 * percentile(waits, 0.99)]), " ms", 250, notes=notes)]
    )


async def _under_load(served: Served, polled: int, sizes: Sizes) -> tuple[list[float], float]:
    settings = {
        "USEAPI_URL": served.base,
        "POLL_INTERVAL": str(sizes.capacity_interval),
    }
    tokens = sorted({job.token for job in served.jobs})
    async with stage(**settings) as played:
        guilds = [played.discord.add_guild(f"Studio {number}") for number in range(len(tokens))]
        channels = [guild.add_text_channel("videos") for guild in guilds]
        members = [guild.add_member("alice") for guild in guilds]
        made = [
            Place(guild.id, channel.id, token) for guild, channel, token in zip(guilds, channels, tokens, strict=True)
        ]
        await set_tokens(played.ledger.path, made)
        places = {place.token: place for place in made}
        _watch(played.ledger.path, served.jobs[:polled], places)
        await played.start()
        await _told_once(played.ledger.path, sizes.capacity_interval)
        seats = {token: (channels[number], members[number]) for number, token in enumerate(tokens)}
        before, began = await served.asked(), time.monotonic()
        waits = await _commands(served.jobs[polled : polled + sizes.commands], seats)
        return waits, (await served.asked() - before) / (time.monotonic() - began)


async def _told_once(path: Path, interval: float) -> None:
    """Waits until each job has had its first answer, and the database holds them; those are news."""
    await asyncio.sleep(2 * interval)
    commits = Commits(path)
    try:
        await commits.cease()
    finally:
        commits.close()


async def _commands(jobs: tuple[AskedJob, ...], seats: dict[str, tuple[Channel, Member]]) -> list[float]:
    """Seconds that each waited; one begins every tenth of a second, whether those before have their answers or not."""

    async def one(job: AskedJob) -> float:
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


def _watch(path: Path, jobs: tuple[AskedJob, ...], places: dict[str, Place]) -> None:
    """Every job is watched since now in the database of a bot that does not run."""
    now = time.time_ns() // 1_000_000
    with sqlite3.connect(path) as database:
        accounts = dict(database.execute("SELECT account_key, id FROM accounts").fetchall())
        for number, job in enumerate(jobs, start=1):
            place = places[job.token]
            database.execute(
                "INSERT INTO jobs (id, account_id, jobid, watched_since, changed_at) VALUES (?, ?, ?, ?, ?)",
                (number, accounts[place.account_key], job.jobid, now, now),
            )
            database.execute(
                "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at, card_final)"
                " VALUES (?, ?, ?, ?, 1)",
                (number, place.guild_id, place.channel_id, now),
            )
    database.close()
