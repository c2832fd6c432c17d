"""Clocks that run by the system's time, or by the time of a database that several processes share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from relay.ports import Clock, Poster, Timer


class SystemClock:
    """The Clock of a running bot."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once if `seconds` is zero or negative."""
        if seconds > 0:
            await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Calls the callback once the time is over."""
        return asyncio.get_running_loop().call_later(seconds, callback)


_ACCURACY_MS = 2_000
"""Discord tells the time in whole seconds."""


def ahead_of_discord(clock: Clock, poster: Poster) -> int:
    """By how many milliseconds the clock is ahead of Discord's, which is right; 0 if Discord's time is not known or the
    same.

    The API's clock is right, too, so its times plus this can be compared with the times that the clock shows.
    """
    now = clock.now()
    ahead = now - (poster.time() or now)
    return ahead if abs(ahead) > _ACCURACY_MS else 0


class DatabaseClock:
    """The Clock of one of several processes. It shows the database's time, so that all processes agree.

    Between two responses of the database it advances by this machine's monotonic clock. This machine's wall clock is
    not used once the database has responded.
    """

    def __init__(self, clock: Clock) -> None:
        self.monotonic = clock.monotonic
        self.sleep = clock.sleep
        self.call_later = clock.call_later
        self._known = clock.now()
        self._known_at = clock.monotonic()
        self._is_set = False

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC."""
        return self._known + round((self.monotonic() - self._known_at) * 1000)

    def set(self, now: int, asked_at: float) -> None:
        """Sets the clock to the database's time `now` (milliseconds UTC), requested at `asked_at` (monotonic seconds).

        The database read its clock at some moment between the request and the response, so the time is known within
        bounds. If the clock already shows a time within these bounds, it is left alone, because they can be wide, for
        example after the process was halted.
        """
        received_at = self.monotonic()
        latest = now + round((received_at - asked_at) * 1000)
        is_first, self._is_set = not self._is_set, True
        self._known = (now + latest) // 2 if is_first else min(max(self.now(), now), latest)
        self._known_at = received_at


async def sleep_unless_woken(clock: Clock, seconds: float, woken: asyncio.Event) -> None:
    """Sleeps until the time is over or the event is set, then clears the event."""
    if seconds > 0 and not woken.is_set():
        timer = clock.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            timer.cancel()
    else:
        await asyncio.sleep(0)  # Let other tasks run.
    woken.clear()
