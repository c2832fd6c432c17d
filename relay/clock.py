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
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    waking = asyncio.ensure_future(woken.wait())
    try:
        await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        waking.cancel()
        await asyncio.gather(sleeping, waking, return_exceptions=True)
    woken.clear()
