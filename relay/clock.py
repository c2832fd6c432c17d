"""Time as the system tells it."""

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
