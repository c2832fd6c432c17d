"""Sweeps: the API's looks into Discord. Between two of them, every GET returns the same.

useapi.net PixVerse v1, get-pixverse-jobid: "API periodically polls (checks) Discord every 15 to 60 seconds".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

Seconds = float | tuple[float, float]
"""A fixed distance, or the bounds of a random one."""


class Sweepable(Protocol):
    """A job that a sweep updates."""

    def look(self, at: int) -> None:
        """Make visible what happened until `at` (milliseconds), as of `at`."""

    def follow(self, until: int) -> None:
        """Make visible what happened until then, each change as of its own time."""


class Sweeper:
    """Carries out the sweeps that are due, whenever it is called.

    With 0 seconds, every change is visible at once; with infinity, only after `sweep`.
    """

    def __init__(self, clock: Callable[[], int], rng: random.Random, seconds: Seconds) -> None:
        self._clock = clock
        self._rng = rng
        self.seconds = seconds

    @property
    def seconds(self) -> Seconds:
        """The distance between two sweeps; setting it counts the next one from now."""
        return self._seconds

    @seconds.setter
    def seconds(self, seconds: Seconds) -> None:
        self._seconds = seconds
        self._next = self._after(self._clock())

    def sweep(self, jobs: Iterable[Sweepable]) -> None:
        """Look now, whenever the next sweep is due."""
        now = self._clock()
        for job in jobs:
            job.look(now)

    def catch_up(self, jobs: Collection[Sweepable]) -> None:
        """Carry out the sweeps that were due until now."""
        now = self._clock()
        if self._seconds == 0:
            for job in jobs:
                job.follow(now)
            return
        while self._next <= now:
            for job in jobs:
                job.look(int(self._next))
            self._next = self._after(self._next)

    def _after(self, moment: float) -> float:
        if isinstance(self._seconds, tuple):
            return moment + 1000 * self._rng.uniform(*self._seconds)
        return moment + 1000 * self._seconds
