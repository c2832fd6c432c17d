"""Discord's limits on IDENTIFY: a daily limit, and one in five seconds for each bucket of shards.

Discord API docs, events/gateway, Identifying, Max Concurrency and Session Start Limit Object. A RESUME doesn't count.
Discord doesn't document which refused IDENTIFYs count; here each one with a valid token does.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

DAY_S = 86_400.0
SPACING_S = 5.0


class Start(Enum):
    """What becomes of an IDENTIFY."""

    ACCEPTED = "accepted"
    TOO_SOON = "too soon"
    """Another shard of its bucket has identified within five seconds: an invalid session."""
    USED_UP = "used up"
    """No IDENTIFY was left: all sessions end, and the token is void."""


class SessionStarts:
    """Counts IDENTIFYs. Refuses them only if `enforced`, because some tests start a bot many times a minute."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._window_began = now()
        self._last: dict[int, float] = {}
        self.used = 0
        self.total = 1000
        self.max_concurrency = 1
        self.enforced = False

    def take(self, shard_id: int) -> Start:
        """Count one IDENTIFY of this shard."""
        self._renew()
        self.used += 1
        if self.enforced and self.used > self.total:
            return Start.USED_UP
        bucket, now = shard_id % self.max_concurrency, self._now()
        if self.enforced and now - self._last.get(bucket, -SPACING_S) < SPACING_S:
            return Start.TOO_SOON
        self._last[bucket] = now
        return Start.ACCEPTED

    def shown(self) -> dict[str, int]:
        """The `session_start_limit` of `GET /gateway/bot`; `reset_after` is in milliseconds."""
        self._renew()
        reset_after = self._window_began + DAY_S - self._now() if self.used else 0
        return {
            "total": self.total,
            "remaining": max(self.total - self.used, 0),
            "reset_after": round(reset_after * 1000),
            "max_concurrency": self.max_concurrency,
        }

    def _renew(self) -> None:
        """The day begins with its first IDENTIFY."""
        if not self.used or self._now() - self._window_began >= DAY_S:
            self.used, self._window_began = 0, self._now()
