"""A clock that a test sets forward."""

from __future__ import annotations


class ManualClock:
    """The relay's Clock; it stands until it is set forward."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds
