"""The bot's process seen from outside: memory and processor time, from /proc."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_EVERY_SECONDS = 1.0
_MARKED = 8
"""The number of samples in a mark."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` in seconds of the loop's clock, `rss` in bytes, `cpu` in seconds since the process began."""

    at: float
    rss: int
    cpu: float


class Memory:
    """Samples, a second apart, and what they show."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        self._samples: list[Sample] = []
        self._marks: list[float] = []

    async def run(self) -> None:
        """Takes a sample every second until cancelled."""
        while True:
            self._samples.append(self._sample())
            await asyncio.sleep(_EVERY_SECONDS)

    def mark(self) -> None:
        """Records how large the process was in the latest seconds."""
        self._marks.append(median(sample.rss for sample in self._samples[-_MARKED:]))

    @property
    def growth(self) -> float:
        """The ratio of the last mark to the first."""
        return self._marks[-1] / self._marks[0]

    def figures(self) -> list[str]:
        """The figures as text."""
        first, last = self._samples[0], self._samples[-1]
        busy = (last.cpu - first.cpu) / (last.at - first.at)
        most = max(sample.rss for sample in self._samples)
        marks = ", then ".join(f"{mark / 1e6:.0f} MB" for mark in self._marks)
        curve = " ".join(f"{sample.rss / 1e6:.0f}" for sample in self._samples[::10])
        return [f"every 10 s: {curve}", f"memory of the bot {marks}, {most / 1e6:.0f} MB at most; {busy:.0%} of a core"]

    def _sample(self) -> Sample:
        resident = int((self._folder / "statm").read_text().split()[1]) * _PAGE
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return Sample(asyncio.get_running_loop().time(), resident, (int(fields[11]) + int(fields[12])) / _TICKS)
