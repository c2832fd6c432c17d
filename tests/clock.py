"""Clocks for tests, which implement the relay's Clock."""

from __future__ import annotations

import asyncio

START = 1_800_000_000_000


class ManualClock:
    """A clock that stands still until it is moved. A sleeper wakes when the clock is moved past its time."""

    def __init__(self, start: int = START, seconds: float = 50.0) -> None:
        """Starts the wall clock at `start` milliseconds and the monotonic clock at `seconds`."""
        self._start = start
        self._began = self._seconds = seconds
        self.jumped = 0
        """Milliseconds by which only the wall clock was moved."""
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> int:
        return self._start + round((self._seconds - self._began) * 1000) + self.jumped

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._seconds + seconds, sleeper))
        await sleeper

    def earliest(self) -> float | None:
        """When the next sleeper is due."""
        self._sleepers = [one for one in self._sleepers if not one[1].done()]
        return min((at for at, _ in self._sleepers), default=None)

    def move_to(self, at: float) -> None:
        self._seconds = max(self._seconds, at)
        for due, sleeper in self._sleepers:
            if due <= self._seconds and not sleeper.done():
                sleeper.set_result(None)

    def forward(self, seconds: float) -> None:
        self.move_to(self._seconds + seconds)

    def advance(self, ms: int) -> None:
        self.forward(ms / 1000)

    def jump(self, ms: int) -> None:
        """Moves only the wall clock."""
        self.jumped += ms


class SleeplessClock(ManualClock):
    """A clock whose `sleep` raises AssertionError, for tests in which nothing may sleep."""

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here may sleep")


class HastyClock(ManualClock):
    """A clock on which every sleep ends at once, and moves the clock by its length."""

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)
