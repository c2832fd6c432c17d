"""Until when the API wants to be left alone, as its responses said with `Retry-After`."""

from __future__ import annotations

from collections.abc import Callable


class RetryTimes:
    """Keeps for each token the latest time that any response to it named. Times are monotonic seconds.

    A time concerns every request with the token, whatever it asks for: a list that is refused holds up records too.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until: dict[int, float] = {}
        """By the token's hash: a token that was removed is not kept for the rest of its time."""

    def note(self, token: str, seconds: float) -> None:
        """A response to this token said to wait for so long."""
        now = self._monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        self._until[hash(token)] = max(now + seconds, self._until.get(hash(token), now))

    def until(self, token: str) -> float | None:
        """Until when nothing should be requested with this token; None if it may be now."""
        until = self._until.get(hash(token))
        return until if until is not None and until > self._monotonic() else None
