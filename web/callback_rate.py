"""How many callbacks of one server are taken: a burst, and so many a second after it."""

from __future__ import annotations

from dataclasses import dataclass

BURST = 100
PER_SECOND = 10.0
"""A useapi.net account has some ten jobs in work for each of its channels, and their states change at most every 15 s
(useapi.net PixVerse v1, get-pixverse-jobid)."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class CallbackRate:
    """A bucket for each server; those that are full again are forgotten. Times are monotonic seconds."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: dict[int, _Bucket] = {}

    def take(self, guild_id: int, now: float) -> bool:
        """Whether one more callback of this server may be taken."""
        self._forget_full(now)
        bucket = self._buckets.pop(guild_id, None) or _Bucket(self._burst, now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        self._buckets[guild_id] = bucket  # Whoever called longest ago stands first.
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def _forget_full(self, now: float) -> None:
        guild_id = next(iter(self._buckets), None)
        if guild_id is not None and now - self._buckets[guild_id].at >= self._burst / self._per_second:
            del self._buckets[guild_id]
