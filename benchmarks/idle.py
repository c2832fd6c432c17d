"""Memory of the idle bot in 2,500 servers, against a bare discord.py client with the same intents and caches."""

from __future__ import annotations

import asyncio
import sys

from benchmarks.results import Result, Row, figure, ratios
from benchmarks.sizes import Sizes
from benchmarks.stages import add_servers, settled_bytes, stage
from tests.e2e.stage import Stage

_CHANNELS = 8
_SETTLE_SECONDS = 8.0


async def run(sizes: Sizes) -> Result:
    """Measures both in turn, with the same sandbox. The other side is `python -m benchmarks.bare_client`."""
    ours: list[float] = []
    bare: list[float] = []
    settle = min(_SETTLE_SECONDS, 2 * sizes.seconds)
    async with stage(POLL_INTERVAL="20") as played:
        for place, _ in add_servers(played, sizes.idle_servers):
            for number in range(_CHANNELS - 1):
                played.discord.world.backend.create_channel(place.guild_id, f"talk {number}", type=0)
        for _ in range(min(sizes.rounds, 3)):
            await played.start()
            ours.append(await settled_bytes(played.bot.pid, settle))
            await played.stop()
            bare.append(await _bare(played, settle))
    notes = f"{figure(ours).median / 1e6:.0f} MB, bare client {figure(bare).median / 1e6:.0f} MB"
    return Result(
        [Row(f"idle in {sizes.idle_servers:,} servers: memory / bare client", ratios(ours, bare), "", 1.3, notes=notes)]
    )


async def _bare(played: Stage, settle: float) -> float:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.bare_client", played.discord.api_url, played.discord.bot_token
    )
    try:
        await played.discord.until(lambda: played.discord.bot_connected, 30)
        return await settled_bytes(process.pid, settle)
    finally:
        process.kill()
        await process.wait()
        await played.gone()
