"""Whether the loops turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

STANDS_AFTER = 120.0
"""Seconds. Each loop turns at least every 30 s; what it does in one turn takes seconds at the worst."""


class LoopBeats:
    """`turned` tells for each loop, by its name, when it last turned; all times are monotonic seconds."""

    def __init__(self, turned: Mapping[str, Callable[[], float]], monotonic: Callable[[], float]) -> None:
        self._turned = turned
        self._monotonic = monotonic
        self._begun_at: float | None = None

    def begin(self) -> None:
        """The loops run from now on; before, there is nothing that could stand."""
        self._begun_at = self._monotonic()

    def ages(self) -> dict[str, float]:
        """For how many seconds each loop has not turned."""
        begun_at = self._begun_at
        if begun_at is None:
            return {}
        now = self._monotonic()
        return {name: now - max(turned(), begun_at) for name, turned in self._turned.items()}


def standing(ages: Mapping[str, float]) -> list[str]:
    """The loops that stand."""
    return sorted(name for name, age in ages.items() if age > STANDS_AFTER)
