"""Memory of the idle bot in 2,500 servers, against a bare discord.py client with the same intents and caches."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.harness import add_servers, open_harness, settled_bytes
from benchmarks.results import Result, Row, figure, ratios
from benchmarks.sizes import Sizes
from tests.e2e.harness import Harness

_CHANNELS = 8
_SETTLE_SECONDS = 8.0


async def run(sizes: Sizes) -> Result:
    """Measures both in turn, with the same sandbox. The other side is `python -m benchmarks.bare_client`."""
    ours: list[float] = []
    bare: list[float] = []
    settle = min(_SETTLE_SECONDS, 2 * sizes.seconds)
    async with open_harness(POLL_INTERVAL="20") as harness:
        for place, _ in add_servers(harness, sizes.idle_servers):
            for number in range(_CHANNELS - 1):
                harness.discord.world.backend.create_channel(place.guild_id, f"talk {number}", type=0)
        for _ in range(min(sizes.rounds, 3)):
            await harness.start()
            ours.append(await settled_bytes(harness.bot.pid, settle))
            await harness.stop()
            bare.append(await _bare(harness, settle))
    notes = f"{figure(ours).median / 1e6:.0f} MB, bare client {figure(bare).median / 1e6:.0f} MB"
    return Result(
        [Row(f"idle in {sizes.idle_servers:,} servers: memory / bare client", ratios(ours, bare), "", 1.3, notes=notes)]
    )


async def _bare(harness: Harness, settle: float) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_client", harness.discord.api_url, harness.discord.bot_token
    )
    try:
        await harness.discord.until(lambda: harness.discord.bot_connected, 30)
        return await settled_bytes(process.pid, settle)
    finally:
        process.kill()
        await process.wait()
        await harness.gone()
