"""Whether the loops turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from relay.loop_crashes import LoopCrashes

STANDS_AFTER = 120.0
"""Seconds. Each loop turns at least every 30 s; what it does in one turn takes seconds at the worst."""


class LoopBeats:
    """`turned` tells for each loop, by its name, when it last turned; all times are monotonic seconds. A loop that
    crashes again and again turns only in appearance."""

    def __init__(
        self, turned: Mapping[str, Callable[[], float]], crashes: LoopCrashes, monotonic: Callable[[], float]
    ) -> None:
        self._turned = turned
        self._crashes = crashes
        self._monotonic = monotonic
        self._begun_at: float | None = None

    def begin(self) -> None:
        """The loops run from now on; before, there is nothing that could stand."""
        self._begun_at = self._monotonic()

    def ages(self) -> dict[str, float]:
        """For how many seconds each loop has not turned, or has crashed again and again."""
        begun_at = self._begun_at
        if begun_at is None:
            return {}
        now = self._monotonic()
        return {name: now - self._well_at(name, max(turned(), begun_at), now) for name, turned in self._turned.items()}

    def crashes(self) -> dict[str, int]:
        """How often loops have crashed, of all that have."""
        return dict(self._crashes.counts)

    def _well_at(self, name: str, turned_at: float, now: float) -> float:
        crashing_since = self._crashes.crashing_since(name, now)
        return turned_at if crashing_since is None else min(turned_at, crashing_since)


def standing(ages: Mapping[str, float]) -> list[str]:
    """The loops that stand."""
    return sorted(name for name, age in ages.items() if age > STANDS_AFTER)
