"""Divides Discord's 50 requests per second among the processes, computed from rows that all of them read anyway.

A process posts in the servers of its shards, so almost everything is divided by shards held. A process relies on its
share only for a few seconds after the rows were read. It uses a larger share only once all other processes must have
read the rows that made theirs smaller. So no process has to ask another one, or the database, before a request.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

ALL = 45.0
"""Requests per second of all processes together. Discord allows 50 (developer docs, Rate Limits, Global Rate Limit);
the rest is a margin for requests that the network delays."""
LEAST = 2.0
"""Requests per second of a process without shards, which logs in and registers commands."""
SHARE_VALID_S = 3.0
"""Seconds for which a share may be used in full after its rows were requested."""


def fair_requests(shards_held: int, shard_count: int, processes: int) -> float:
    """A process's share, in requests per second.

    The shares of all processes add up to `ALL` minus one for each process, because evenly spaced requests may exceed
    their rate by one in any second. With very many processes, they add up to half of `ALL`.
    """
    shared = max(ALL - processes, ALL / 2)
    least = min(LEAST, shared / (2 * processes))
    return least + (shared - processes * least) * shards_held / max(shard_count, 1)


class RequestShare:
    """The share that this process may use now. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._shares: deque[tuple[float, float]] = deque([(monotonic(), LEAST)])
        """The latest shares, each with the monotonic time at which it was computed."""
        self._believed_until = -math.inf

    def note(self, asked_at: float, share: float, *, alone: bool = False) -> None:
        """Notes a share that was just computed from rows requested at `asked_at` (monotonic seconds).

        If `alone`, no other process is alive, so a larger share may be used at once. A process that has lost its lease
        stopped using its share long before.
        """
        now = self._monotonic()
        if alone:
            self._shares.clear()
        self._shares.append((now, share))
        # The share that was in force `SHARE_VALID_S` ago still counts, and so do all later ones.
        while len(self._shares) > 1 and self._shares[1][0] <= now - SHARE_VALID_S:
            self._shares.popleft()
        self._believed_until = asked_at + SHARE_VALID_S

    def per_second(self) -> float:
        """How many requests per second this process may make now."""
        if self._monotonic() >= self._believed_until:
            return min(LEAST, *(share for _, share in self._shares))
        return min(share for _, share in self._shares)

    def lose(self) -> None:
        """To be called when the lease is lost: others may now use this process's share."""
        self._believed_until = -math.inf
        self._shares.append((self._monotonic(), LEAST))
