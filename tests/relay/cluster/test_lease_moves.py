"""Moves between processes are counted, once for each shard and account."""

from __future__ import annotations

from dataclasses import dataclass

from model.discord_ids import Shards
from relay.changes import Changes
from relay.cluster.ownership import ALONE, Alone, LeaseMoves


@dataclass
class _Owner(Alone):
    held: tuple[int, ...] = ()

    def shards(self) -> Shards:  # type: ignore[override]
        return Shards(8, self.held)


def test_each_shard_counts_once_when_taken_and_once_when_lost() -> None:
    owner, changes = _Owner(), Changes()
    moves = LeaseMoves(owner, changes)
    for held in ((0, 1), (0, 1), (1, 2), ()):
        owner.held = held
        changes.servers_moved()
    assert moves.counts() == {"shards": 2 + 0 + 2 + 2, "accounts": 0}


def test_each_account_counts() -> None:
    changes = Changes()
    moves = LeaseMoves(ALONE, changes)
    for account in (1, 2, 1):
        changes.account_moved(account)
    assert moves.counts() == {"shards": 0, "accounts": 3}
