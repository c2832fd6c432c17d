"""200 videos of 8 MB to 40 channels: bytes a second against a bare loop that downloads and uploads, with three
downloads and as many concurrent posts as the bot; and how much memory they add to the idle bot."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path

import aiohttp

from benchmarks.harness import open_harness, resident_bytes
from benchmarks.results import Result, Row, figure, ratios
from benchmarks.sizes import Sizes
from sandbox.discord_wire import Channel
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.videos import File, video
from tests.e2e.harness import Harness

_DOWNLOADS = 3
_POSTS = 16
_CHUNK = 64 * 1024
_LOOK_SECONDS = 0.05
_POLL_SECONDS = 0.5
_LONGEST_SECONDS = 300.0


async def run(sizes: Sizes) -> Result:
    """Measures both in turn, through the same sandbox."""
    ours: list[float] = []
    bare: list[float] = []
    memory: list[float] = []
    megabytes = sizes.videos * sizes.video_bytes / 1e6
    for _ in range(sizes.rounds):
        async with open_harness(POLL_INTERVAL=str(_POLL_SECONDS)) as harness:
            await harness.start()
            server = await harness.server()
            channels = [server.guild.add_text_channel(f"videos {number}") for number in range(sizes.video_channels)]
            file = File(video("bench", sizes.video_bytes))
            bare.append(megabytes / await _bare(harness, _completed(server.job, file, sizes.videos), channels))
            _forget_messages(harness, channels)
            jobs = [server.job() for _ in range(sizes.videos)]
            for number, job in enumerate(jobs):
                await server.status(job, channel=channels[number % len(channels)])
            seconds, most = await _posted(harness, jobs, file)
            ours.append(megabytes / seconds)
            memory.append(most)
    notes = f"{figure(ours).median:.0f} MB a second, bare {figure(bare).median:.0f}"
    return Result(
        [
            Row("bytes of videos a second / bare", ratios(ours, bare), "", at_least=0.85, notes=notes),
            Row("memory above idle while videos are posted", figure(memory), " MB", at_most=64),
        ]
    )


def _completed(make: object, file: File, count: int) -> list[Job]:
    jobs = [make() for _ in range(count)]  # type: ignore[operator]  # GuildFixture.job
    for job in jobs:
        job.complete([file])
    return jobs


async def _posted(harness: Harness, jobs: list[Job], file: File) -> tuple[float, float]:
    """Seconds from the jobs' ends to the last outcome, and MB above the bot's memory before."""
    idle = resident_bytes(harness.bot.pid)
    before = _uploads(harness)
    most, began = idle, time.monotonic()
    for job in jobs:
        job.complete([file])
    async with asyncio.timeout(_LONGEST_SECONDS):
        while _uploads(harness) - before < len(jobs):
            most = max(most, resident_bytes(harness.bot.pid))
            await asyncio.sleep(_LOOK_SECONDS)
    return time.monotonic() - began, (most - idle) / 1e6


def _uploads(harness: Harness) -> int:
    return sum(call.status == 200 and bool(call.files) for call in harness.discord.requests)


async def _bare(harness: Harness, jobs: list[Job], channels: list[Channel]) -> float:
    """The seconds that concurrent bare loops take to download each video to a file and post it from there."""
    pairs = asyncio.Queue[tuple[str, Channel]]()
    for number, job in enumerate(jobs):
        pairs.put_nowait((str(job.videos[0].attachment()["url"]), channels[number % len(channels)]))
    downloads = asyncio.Semaphore(_DOWNLOADS)
    headers = {"Authorization": f"Bot {harness.discord.bot_token}"}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with aiohttp.ClientSession() as session:

            async def go_on(number: int) -> None:
                path = Path(folder) / f"{number}.mp4"
                while not pairs.empty():
                    url, channel = pairs.get_nowait()
                    async with downloads, session.get(url) as response:
                        with path.open("wb") as out:
                            async for chunk in response.content.iter_chunked(_CHUNK):
                                out.write(chunk)
                    with path.open("rb") as content:
                        form = aiohttp.FormData()
                        form.add_field("payload_json", json.dumps({"content": "ready"}))
                        form.add_field("files[0]", content, filename="video.mp4")
                        to = f"{harness.discord.api_url}/channels/{channel.id}/messages"
                        async with session.post(to, data=form, headers=headers) as response:
                            response.raise_for_status()

            began = time.monotonic()
            await asyncio.gather(*(go_on(number) for number in range(_POSTS)))
            return time.monotonic() - began


def _forget_messages(harness: Harness, channels: list[Channel]) -> None:
    """Deletes messages that nobody needs any more from this process's memory."""
    backend = harness.discord.world.backend
    for channel in channels:
        backend.messages.get(channel.id, {}).clear()
    backend.cdn = type(backend.cdn)()
    harness.discord.requests.clear()
