"""Counts how often shards and accounts change hands: a few times when processes come and go, otherwise never."""

from __future__ import annotations

from relay.changes import Changes
from relay.cluster.ownership import Ownership


class LeaseMoves:
    """Counts the shards and accounts that this process takes and loses."""

    def __init__(self, ownership: Ownership, changes: Changes) -> None:
        self._ownership = ownership
        self._shards: frozenset[int] = frozenset()
        self._counts = {"shards": 0, "accounts": 0}
        changes.servers_moved.listen(self._servers_moved)
        changes.account_moved.listen(self._account_moved)

    def counts(self) -> dict[str, int]:
        """How many `shards` and how many `accounts` have changed hands."""
        return dict(self._counts)

    def _servers_moved(self) -> None:
        shards = self._ownership.shards()
        before, self._shards = self._shards, frozenset(() if shards is None else shards.held)
        self._counts["shards"] += len(before ^ self._shards)

    def _account_moved(self, _account_id: int) -> None:
        self._counts["accounts"] += 1
