"""How many of Discord's 50 requests a second each process may make: a share, by the rows that all of them read anyway.

A process posts in the servers of the shards that it holds, so almost everything is shared out by shards held. A share
is relied on only for a few seconds after the rows were read, and a larger one only once all other processes must have
read the rows that made theirs smaller. So no process asks another one, or the database, before a request.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

ALL = 45.0
"""Requests a second of all processes together. Discord allows 50 (developer docs, Rate Limits, Global Rate Limit); the
rest allows for requests that the network delays."""
LEAST = 2.0
"""Requests a second of a process that holds no shard: it logs in, and registers commands."""
BELIEVED_S = 3.0
"""For how long a share may be used in full after its rows were asked for."""


def fair_requests(shards_held: int, shard_count: int, processes: int) -> float:
    """A process's share, in requests a second.

    The sum over all processes is `ALL` less one for each, since evenly spaced requests may be one more in a second; of
    very many processes it is half of `ALL`.
    """
    shared = max(ALL - processes, ALL / 2)
    least = min(LEAST, shared / (2 * processes))
    return least + (shared - processes * least) * shards_held / max(shard_count, 1)


class RequestShare:
    """The share of this process as it may be used now. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._shares: deque[tuple[float, float]] = deque([(monotonic(), LEAST)])
        """The last shares, each with the monotonic time at which it was computed."""
        self._believed_until = -math.inf

    def note(self, asked_at: float, share: float, *, alone: bool = False) -> None:
        """Notes a share that was computed just now from rows that were asked for at `asked_at` (monotonic seconds).

        `alone`: no other process is alive, so none has to know of a larger share first. A process that has lost its
        lease stopped using its own share long before.
        """
        now = self._monotonic()
        if alone:
            self._shares.clear()
        self._shares.append((now, share))
        # What was in force `BELIEVED_S` ago counts still: the last share from before then, and all later ones.
        while len(self._shares) > 1 and self._shares[1][0] <= now - BELIEVED_S:
            self._shares.popleft()
        self._believed_until = asked_at + BELIEVED_S

    def per_second(self) -> float:
        """How many requests a second this process may make now."""
        if self._monotonic() >= self._believed_until:
            return min(LEAST, *(share for _, share in self._shares))
        return min(share for _, share in self._shares)

    def lose(self) -> None:
        """Called when the lease is lost: others may have shared out what was this process's."""
        self._believed_until = -math.inf
        self._shares.append((self._monotonic(), LEAST))
