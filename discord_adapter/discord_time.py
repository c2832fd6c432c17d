"""Discord's time, which decides when something ends there, whatever this machine's clock says."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp


def _suspended() -> int:
    """For how many seconds this machine has been suspended. On Linux, `time.monotonic` does not count them."""
    boot_clock: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return 0 if boot_clock is None else round(time.clock_gettime(boot_clock) - time.monotonic())


class DiscordTime:
    """Tells the time by the `Date` header of Discord's latest response. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._elapsed: Callable[[], float] = lambda: monotonic() + _suspended()
        self._latest: tuple[str, float] | None = None
        """The header of the latest response, and when it came."""

    def note(self, end: aiohttp.TraceRequestEndParams) -> None:
        """Takes the time of a response, if it has one."""
        date = end.response.headers.get("Date")
        if date is not None:
            self._latest = date, self._elapsed()

    def now(self) -> datetime | None:
        """The time, to within some seconds; None if it is not known."""
        if self._latest is None:
            return None
        date, at = self._latest
        try:
            then = parsedate_to_datetime(date)
        except ValueError:
            return None
        return None if then.tzinfo is None else then + timedelta(seconds=self._elapsed() - at)
