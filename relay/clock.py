"""Time as the system, or the database of several processes, tells it."""

from __future__ import annotations

import asyncio
import time

from relay.ports import Clock


class SystemClock:
    """The Clock of a running bot."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for nothing or less."""
        if seconds > 0:
            await asyncio.sleep(seconds)


class DatabaseClock:
    """The Clock of one process of several: the time of the database, by which all go.

    Between two responses of the database it goes by this machine's monotonic clock; this machine's time of day is never
    used after the first response.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known = clock.now()
        self._known_at = clock.monotonic()
        self._is_set = False

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC."""
        return self._known + round((self._clock.monotonic() - self._known_at) * 1000)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for nothing or less."""
        await self._clock.sleep(seconds)

    def set(self, now: int, asked_at: float) -> None:
        """Sets the clock by the database's time `now` (milliseconds UTC), which was asked for at `asked_at` (monotonic
        seconds).

        The database read its clock somewhere between the question and its response, so the time is known within bounds.
        If the time known before lies within them, it stays: after a process was halted in between, they are wide.
        """
        received_at = self._clock.monotonic()
        latest = now + round((received_at - asked_at) * 1000)
        is_first, self._is_set = not self._is_set, True
        self._known = (now + latest) // 2 if is_first else min(max(self.now(), now), latest)
        self._known_at = received_at


async def sleep_unless_woken(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Sleeps until the time is over or the event is set, which is then clear again."""

    def over(_sleeping: asyncio.Task[None]) -> None:
        woken.set()

    if seconds > 0 and not woken.is_set():
        sleeping = asyncio.ensure_future(clock.sleep(seconds))
        sleeping.add_done_callback(over)
        try:
            await woken.wait()
        finally:
            sleeping.remove_done_callback(over)
            sleeping.cancel()
    else:
        await asyncio.sleep(0)  # Whatever else is ready has its turn.
    woken.clear()
