"""From a job's end to its message in the channel, with a video of 1 MB: by callback, and by poll. For polls, half an
interval is subtracted, which is the average wait for the next poll."""

from __future__ import annotations

import asyncio
import re
import time

from benchmarks.harness import open_harness
from benchmarks.results import Result, Row, figure, percentile
from benchmarks.sizes import Sizes
from sandbox.discord_wire import Channel
from sandbox.pixverse_api.callbacks import CallbackPolicy
from sandbox.ports import free_port
from tests.e2e.guild_fixture import GuildFixture

_POLL_SECONDS = 2.0
_VIDEO_BYTES = 1_000_000
_CHANNELS = 5
_ADDRESS = re.compile(r"`(http://127\.0\.0\.1:\d+/callback/[A-Za-z0-9_-]{43})`")


async def run(sizes: Sizes) -> Result:
    """Measures some channels side by side, each with one job after another."""
    by_callback = await _by_callback(sizes.ends)
    by_poll = [seconds - _POLL_SECONDS / 2 for seconds in await _by_poll(sizes.ends)]
    return Result([_row("by callback", by_callback), _row("by poll, above half the interval", by_poll)])


def _row(how: str, seconds: list[float]) -> Row:
    p50 = 1000 * percentile(seconds, 0.5)
    notes = f"p95 {1000 * percentile(seconds, 0.95):.0f} ms, {len(seconds)} ends"
    return Row(f"end to message {how}, p50", figure([p50]), " ms", at_most=150, notes=notes)


async def _by_callback(ends: int) -> list[float]:
    port = free_port()
    settings = {"POLL_INTERVAL": "20", "CALLBACK_PORT": str(port), "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    async with open_harness(**settings) as harness:
        await harness.start()
        server = await harness.server()
        answer = await server.admin.slash(server.channel, "pixverse-admin callback")
        found = _ADDRESS.search(answer.text)
        if found is None:
            raise RuntimeError(f"no address for callbacks: {answer.text}")
        server.account.reply_url = found[1]
        harness.pixverse.callbacks.policy = CallbackPolicy()
        return await _all_ends(server, ends)


async def _by_poll(ends: int) -> list[float]:
    async with open_harness(POLL_INTERVAL=str(_POLL_SECONDS)) as harness:
        await harness.start()
        return await _all_ends(await harness.server(), ends)


async def _all_ends(server: GuildFixture, ends: int) -> list[float]:
    channels = [server.guild.add_text_channel(f"videos {number}") for number in range(min(_CHANNELS, ends))]
    each = -(-ends // len(channels))
    found = await asyncio.gather(*(_ends(server, channel, each) for channel in channels))
    return [seconds for one in found for seconds in one]


async def _ends(server: GuildFixture, channel: Channel, ends: int) -> list[float]:
    """The seconds from each end to its message."""
    found = []
    for number in range(1, ends + 1):
        job = server.job()
        await server.status(job, channel=channel)
        # The ends are spread evenly over an interval, so that the average wait isn't left to chance.
        await asyncio.sleep(0.2 + _POLL_SECONDS * (number - 0.5) / ends)
        ended = time.monotonic()
        job.complete(size=_VIDEO_BYTES)
        await _outcomes(server, channel, number)
        found.append(time.monotonic() - ended)
    return found


async def _outcomes(server: GuildFixture, channel: Channel, count: int) -> None:
    """Waits until this many outcomes are stored."""
    await server.harness.discord.until(lambda: len(server.outcomes(channel)) >= count, timeout=60)
