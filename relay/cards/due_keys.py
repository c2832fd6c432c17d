"""Which cards and summaries are due to be looked at, the earliest first."""

from __future__ import annotations

import heapq

from relay.cards.card_edits import Key


class DueKeys:
    """Each key is due once at the most, at the earliest of its times. One that was taken is not given again until it is
    free. Times are monotonic seconds; entries of the heap that have been replaced are dropped when they come up."""

    def __init__(self) -> None:
        self._at: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._taken: set[Key] = set()

    def __len__(self) -> int:
        return len(self._at)

    def add(self, key: Key, at: float) -> None:
        """The key is due at that time, or sooner where it was."""
        if at >= self._at.get(key, float("inf")):
            return
        self._at[key] = at
        self._push(key, at)

    def take(self, now: float) -> Key | None:
        """The earliest key, if it is due."""
        at = self.next_at()
        if at is None or at > now:
            return None
        _, key = heapq.heappop(self._heap)
        del self._at[key]
        self._taken.add(key)
        return key

    def free(self, key: Key) -> None:
        """A key that was taken may be given again."""
        self._taken.discard(key)
        if key in self._at:
            self._push(key, self._at[key])

    def next_at(self) -> float | None:
        """When the earliest key is due that is not taken."""
        while self._heap:
            at, key = self._heap[0]
            if self._at.get(key) == at and key not in self._taken:
                return at
            heapq.heappop(self._heap)
        return None

    def _push(self, key: Key, at: float) -> None:
        heapq.heappush(self._heap, (at, key))
        if len(self._heap) > 2 * len(self._at) + 64:
            self._heap = [(due, one) for one, due in self._at.items() if one not in self._taken]
            heapq.heapify(self._heap)
