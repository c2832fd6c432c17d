"""How many commands one person may use in a minute, and how many jobs may be waited for."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from math import ceil

from relay.commands.refusals import TooFast
from relay.ports import Clock

_WINDOW = 60.0
_MOST_PEOPLE = 10_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds from the settings."""

    open_per_user: int
    open_per_server: int


class CommandRate:
    """Counts each person's commands of the last 60 seconds."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._used: dict[int, deque[float]] = {}

    def use(self, user_id: int) -> None:
        """Counts one command. Raises TooFast, and does not count it, where there were too many."""
        now = self._clock.monotonic()
        self._forget_idle(now)
        used = self._used.pop(user_id, deque())
        self._used[user_id] = used
        while used and used[0] <= now - _WINDOW:
            used.popleft()
        if len(used) >= self._per_minute:
            wait = used[0] + _WINDOW - now
            raise TooFast(self._clock.now() + ceil(wait * 1000))
        used.append(now)

    def _forget_idle(self, now: float) -> None:
        """Looks at two people for each command; whoever used one longest ago stands first, and goes where there are too
        many."""
        for user_id in list(islice(self._used, 2)):
            used = self._used[user_id]
            if not used or used[-1] <= now - _WINDOW or len(self._used) > _MOST_PEOPLE:
                del self._used[user_id]
