"""Jobs that progress and end while everybody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from tests.soak.load.crowd import Watched

_NEWS_A_SECOND = 60.0
"""Jobs a second that show another percentage: each about twice a minute."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A number of jobs that end within a number of seconds. `sizes` are the bytes of the smallest and the largest
    video."""

    jobs: int
    seconds: float
    sizes: tuple[int, int]


WAVES = (Wave(500, 60.0, (300_000, 3_000_000)), Wave(500, 30.0, (100_000, 300_000)))
"""The first wave is the promised load. The second one shows whether memory grows with earlier work."""


class Ending:
    """Ends jobs, and records which ended and when by `now` (seconds)."""

    def __init__(self, watched: Sequence[Watched], chance: Random, now: Callable[[], float]) -> None:
        self._watched = watched
        self._chance = chance
        self._now = now
        self.ended: dict[str, float] = {}

    async def go_on(self) -> None:
        """Lets jobs progress until cancelled."""
        while True:
            job = self._chance.choice(self._watched).job
            if job.jobid not in self.ended:
                job.set("progress", percent=self._chance.randint(1, 99))
            await asyncio.sleep(1 / _NEWS_A_SECOND)

    async def end(self, wave: Wave) -> None:
        """Ends the wave's jobs one after another."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        running = [one for one in self._watched if one.job.jobid not in self.ended]
        moments = sorted(self._chance.uniform(0, wave.seconds) for _ in range(wave.jobs))
        for moment, one in zip(moments, self._chance.sample(running, wave.jobs), strict=True):
            await asyncio.sleep(began + moment - loop.time())
            self.ended[one.job.jobid] = self._now()
            self._end(one, self._chance.randint(*wave.sizes))

    def _end(self, one: Watched, size: int) -> None:
        kind = self._chance.random()
        if kind < 0.9:
            one.job.complete(size=size)
        elif kind < 0.95:
            one.job.fail("Generation failed", "The GPU melted")
        else:
            one.job.fail("Moderated", "Not allowed", status="moderated")
