"""Clocks for tests, which implement the relay's Clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

START = 1_800_000_000_000


class ManualTimer:
    """A call that a `ManualClock` makes at `at`."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at = at
        self.callback = callback
        self.runs = True

    def cancel(self) -> None:
        self.runs = False


class ManualClock:
    """A clock that advances only when it is moved. A sleeper wakes when the clock is moved past its time."""

    def __init__(self, start: int = START, seconds: float = 50.0) -> None:
        """Starts the wall clock at `start` milliseconds and the monotonic clock at `seconds`."""
        self._start = start
        self._began = self._seconds = seconds
        self.jumped = 0
        """Milliseconds by which only the wall clock was moved."""
        self._timers: list[ManualTimer] = []

    def now(self) -> int:
        return self._start + round((self._seconds - self._began) * 1000) + self.jumped

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return
        sleeper: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not sleeper.done():
                sleeper.set_result(None)

        timer = self.call_later(seconds, wake)
        try:
            await sleeper
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> ManualTimer:
        timer = ManualTimer(self._seconds + seconds, callback)
        self._timers.append(timer)
        return timer

    def earliest(self) -> float | None:
        """When the next sleeper is due."""
        self._timers = [timer for timer in self._timers if timer.runs]
        return min((timer.at for timer in self._timers), default=None)

    def move_to(self, at: float) -> None:
        self._seconds = max(self._seconds, at)
        for timer in self._timers:
            if timer.runs and timer.at <= self._seconds:
                timer.cancel()
                timer.callback()

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

    def call_later(self, seconds: float, callback: Callable[[], object]) -> ManualTimer:
        raise AssertionError("nothing here may sleep")


class HastyClock(ManualClock):
    """A clock on which every sleep ends at once, and moves the clock by its length."""

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> ManualTimer:
        timer = super().call_later(seconds, callback)
        asyncio.get_running_loop().call_soon(self.forward, seconds)
        return timer
