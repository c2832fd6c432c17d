"""One run from the first command to the figures."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from random import Random

from tests.e2e.harness import Harness
from tests.soak.load.asking import Asking
from tests.soak.load.crowd import Watched, gather_crowd
from tests.soak.load.ending import WAVES, Ending
from tests.soak.load.judging import Judgement, judge
from tests.soak.load.watching import Memory

_SWEEP_SECONDS = 1.0
_SETTLE_SECONDS = 40.0
_GROWTH = 1.1
"""The factor by which the bot may be larger after the second wave than after the first."""


class Run:
    """Waves of ends one after another, with steady seconds before and after each, and commands all the time."""

    def __init__(self, harness: Harness, chance: Random, steady: float) -> None:
        self._harness = harness
        self._chance = chance
        self._steady = steady

    async def play(self) -> list[str]:
        """Prints the figures and returns what is wrong."""
        began = time.monotonic()
        # The API updates its records once a second; otherwise each request would go through every job.
        self._harness.pixverse.sweep_seconds = _SWEEP_SECONDS
        servers = await gather_crowd(self._harness)
        watched = [one for server in servers for one in server.watched]
        channels = {one.channel.id for one in watched}
        seconds = time.monotonic() - began
        print(f"{len(watched)} open jobs in {len(channels)} channels of {len(servers)} servers: {seconds:.0f} s")
        self._harness.discord.limits.enabled = True
        asking = Asking(self._harness, servers, self._chance)
        memory = Memory(self._harness.bot.pid)
        ending = Ending(watched, self._chance, self._harness.discord.world.now)
        await self._with_all_going_on(ending, asking, memory)
        judgement = judge(watched, ending.ended)
        for line in [*self._figures(watched, judgement), *asking.waits.figures(), *memory.figures()]:
            print(line)
        faults = judgement.faults + asking.waits.faults
        if memory.growth > _GROWTH:
            faults.append(f"memory grew to {memory.growth:.2f} times what it was")
        return faults

    async def _with_all_going_on(self, ending: Ending, asking: Asking, memory: Memory) -> None:
        going_on = [asyncio.create_task(work) for work in (ending.go_on(), asking.run(), memory.run())]
        await asyncio.sleep(self._steady)
        for wave in WAVES:
            await ending.end(wave)
            await self._settle(len(ending.ended))
            await asyncio.sleep(self._steady)
            memory.mark()
        for task in going_on:
            task.cancel()
        await asyncio.gather(*going_on, return_exceptions=True)
        await asking.answered()

    async def _settle(self, ended: int) -> None:
        """Waits until this many outcomes are posted; the judgement names the missing ones."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline and self._posted() < ended:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.5)

    def _posted(self) -> int:
        (row,) = self._harness.ledger.rows(
            "SELECT count(*) AS posted FROM deliveries WHERE kind LIKE 'outcome%' AND state = 'posted'"
        )
        return int(row["posted"])

    def _figures(self, watched: Sequence[Watched], judgement: Judgement) -> list[str]:
        calls = self._harness.discord.requests
        megabytes = sum(len(video.content) for one in watched for video in one.job.videos) / 1e6
        refused = sum(call.status == 429 for call in calls)
        requests = len(self._harness.pixverse.requests)
        waves = ", then ".join(f"{wave.jobs} jobs ended in {wave.seconds:.0f} s" for wave in WAVES)
        return [
            f"{waves}, {megabytes:.0f} MB of videos: {judgement.counted}",
            f"from the end to the outcome: {judgement.waited}",
            f"{requests} requests to PixVerse, {len(calls)} calls of Discord, {refused} of them answered with 429",
        ]
