"""Which process takes which gateway shards: the free ones, those of a process that drains, and a newcomer's share.

Every live process computes this from the same rows, so all come to the same result without asking each other; the
leases decide where two read different rows. A move costs an IDENTIFY, of which there are a thousand a day. So shards
move only from a process that is dead or drains, and to one that has just joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from relay.cluster.drain import drain_order

ANYBODY_AFTER_S = 5.0
"""A shard that has been free for so long is taken by whoever comes first: who should have it doesn't take it."""


@dataclass(frozen=True, slots=True)
class ShardLease:
    """What the plan needs of a row of `shard_leases`.

    Attributes:
        owner: The process that holds the shard; None: the shard is free.
        successor: The process that is taking the shard over; one that has died meanwhile counts as none.
        free_s: For how many seconds nobody has held the shard; 0 while somebody does.
    """

    shard_id: int
    owner: str | None
    successor: str | None = None
    free_s: float = 0.0

    @property
    def taker(self) -> str | None:
        """The process that has the shard, or will have it in a moment."""
        return self.successor or self.owner


@dataclass(frozen=True, slots=True)
class Process:
    """A live process as the plan sees it. A draining one gives its shards away and takes none."""

    id: str
    draining: bool = False


def fair_share(shard_count: int, processes: int) -> int:
    """How many shards each process has at least."""
    return shard_count // processes


def shards_to_take(
    me: str, leases: Collection[ShardLease], processes: Collection[Process], max_concurrency: int
) -> list[int]:
    """The shards that `me` takes over now, in this order: free ones first, then those of draining processes.

    A free shard is taken at once, one of a draining process make-before-break.
    """
    takers = _takers(processes)
    if me not in takers:
        return []
    leases = _with_live_successors(leases, takers)
    free = sorted((lease for lease in leases if lease.taker is None), key=lambda lease: lease.shard_id)
    draining = {process.id for process in processes if process.draining}
    given = {lease.shard_id for lease in leases if lease.owner in draining and lease.successor is None}
    wanted = [*(lease.shard_id for lease in free), *drain_order(given, max_concurrency)]
    mine = [shard for shard, taker in _shared_out(wanted, leases, takers) if taker == me]
    late = [lease.shard_id for lease in free if lease.free_s >= ANYBODY_AFTER_S and lease.shard_id not in mine]
    return mine + late


def _shared_out(
    shards: Iterable[int], leases: Collection[ShardLease], takers: Sequence[str]
) -> Iterable[tuple[int, str]]:
    """Gives each shard to the process that has the fewest by then."""
    load = Counter(lease.taker for lease in leases)
    for shard in shards:
        taker = min(takers, key=lambda process: (load[process], process))
        load[taker] += 1
        yield shard, taker


def shard_to_ask_for(me: str, leases: Collection[ShardLease], processes: Collection[Process]) -> int | None:
    """The shard that `me`, which has just joined, takes over next; None: it has its fair share, or waits for one.

    The shard comes from the process that has the most. One at a time: while one is being handed to `me`, no other is.
    """
    takers = _takers(processes)
    if me not in takers or any(lease.successor == me for lease in leases):
        return None
    leases = _with_live_successors(leases, takers)
    load = Counter(lease.taker for lease in leases)
    share = fair_share(len(leases), len(takers))
    offered = [lease for lease in leases if lease.owner in takers and lease.successor is None]
    offered = [lease for lease in offered if load[lease.owner] > share]
    if load[me] >= share or not offered:
        return None
    return max(offered, key=lambda lease: (load[lease.owner], lease.shard_id)).shard_id


def _takers(processes: Iterable[Process]) -> list[str]:
    return [process.id for process in processes if not process.draining]


def _with_live_successors(leases: Iterable[ShardLease], takers: Collection[str]) -> list[ShardLease]:
    return [lease if lease.successor in takers else replace(lease, successor=None) for lease in leases]
