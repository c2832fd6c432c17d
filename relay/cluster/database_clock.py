"""One time for all processes: the database's."""

from __future__ import annotations

from relay.ports import Clock


class DatabaseClock:
    """The Clock of one process of several.

    Between two answers of the database it goes by this machine's monotonic clock: what this machine takes for the time
    of day is never asked.
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
        """The database said that it is `now` (milliseconds UTC), asked at `asked_at` (monotonic seconds).

        Somewhere in the time of the question it said so. A time that was known before, and may be right by that, stays:
        of a process that was halted during the question the answer tells little.
        """
        received_at = self._clock.monotonic()
        latest = now + round((received_at - asked_at) * 1000)
        is_first, self._is_set = not self._is_set, True
        self._known = (now + latest) // 2 if is_first else min(max(self.now(), now), latest)
        self._known_at = received_at
