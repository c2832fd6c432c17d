"""Plans which gateway shards a process takes next: a fair share of all shards, or those in its SHARD_IDS.

Every live process computes the plan from the same rows, so all reach the same result independently. If two processes
read different rows, the database decides which one gets the lease. A move costs an IDENTIFY, and Discord allows only a
thousand a day. So with fair shares, a shard moves only away from a process that has died or drains, or to one that has
just joined.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from relay.cluster.identify_pacing import bucket_of
from storage.processes import Process, ShardLease

ANYBODY_AFTER_S = 5.0
"""Seconds after which any process may take a free shard, because the one that should take it has not."""
GAP_S = 60.0
"""Seconds after which a free shard is considered missing from every process's SHARD_IDS."""
DRAIN_S = 25.0
"""How long a process that stops waits for others to take its shards; orchestrators allow 30 s and more."""

# ---- fair shares ----------------------------------------------------------------------------------------------------


def fair_share(shard_count: int, processes: int) -> int:
    """How many shards each process should have at least."""
    return shard_count // processes


def shards_to_take(
    me: str, leases: Collection[ShardLease], processes: Collection[Process], max_concurrency: int
) -> list[int]:
    """The shards that `me` takes over now, in this order: free shards, then shards of draining processes, then shards
    that have been free for too long.

    Free shards are taken at once. From a draining process, a shard is taken make-before-break.
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
    """Assigns each shard to the process that has the fewest at that point."""
    load = Counter(lease.taker for lease in leases)
    for shard in shards:
        taker = min(takers, key=lambda process: (load[process], process))
        load[taker] += 1
        yield shard, taker


def shard_to_ask_for(me: str, leases: Collection[ShardLease], processes: Collection[Process]) -> int | None:
    """The shard that `me`, which has just joined, takes over next; None if it has its fair share, or if a shard is
    already being handed to it.

    The shard comes from the process that has the most. Only one shard at a time is handed to `me`.
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


# ---- SHARD_IDS -------------------------------------------------------------------------------------------------------


def shards_to_take_by_hand(
    me: str,
    shard_ids: Collection[int],
    leases: Collection[ShardLease],
    processes: Collection[Process],
    max_concurrency: int,
) -> list[int]:
    """The shards of `shard_ids` that `me` takes over now: first free ones, then those of draining processes."""
    takers = _takers(processes)
    if me not in takers:
        return []
    draining = {process.id for process in processes if process.draining}
    wanted = [lease for lease in leases if lease.shard_id in shard_ids and lease.successor not in takers]
    free = sorted(lease.shard_id for lease in wanted if lease.owner is None)
    return free + drain_order({lease.shard_id for lease in wanted if lease.owner in draining}, max_concurrency)


def faults_of_shard_ids(
    me: str, shard_ids: Collection[int], leases: Collection[ShardLease], processes: Collection[Process]
) -> list[str]:
    """What is wrong with SHARD_IDS, here or in other processes; one sentence for each fault."""
    others = set(_takers(processes)) - {me}
    unknown = set(shard_ids) - {lease.shard_id for lease in leases}
    overlapping = {lease.shard_id for lease in leases if lease.shard_id in shard_ids and lease.owner in others}
    gaps = {
        lease.shard_id
        for lease in leases
        if lease.owner is None and lease.free_s >= GAP_S and lease.shard_id not in shard_ids
    }
    faults = []
    if unknown:
        there = f"there are only shards 0 to {len(leases) - 1}"
        faults.append(f"SHARD_IDS names {_numbers(unknown)}, and {there}; take it out")
    if overlapping:
        faults.append(
            f"SHARD_IDS names {_numbers(overlapping)}, which another process holds; take it out of one of the two"
        )
    if gaps:
        faults.append(
            f"SHARD_IDS of no process names {_numbers(gaps)}, so nobody answers in its servers; add it to one"
        )
    return faults


def _numbers(shards: Collection[int]) -> str:
    return ", ".join(map(str, sorted(shards)))


# ---- for both --------------------------------------------------------------------------------------------------------


def drain_order(shards: Collection[int], max_concurrency: int) -> list[int]:
    """The order in which the shards of a draining process are taken over: one of each IDENTIFY bucket in turn.

    Two IDENTIFYs of the same bucket have to be 5.5 s apart, so this order moves as many shards as possible in time.
    """
    turns = []
    before: Counter[int] = Counter()
    for shard in sorted(shards):
        bucket = bucket_of(shard, max_concurrency)
        turns.append((before[bucket], bucket, shard))
        before[bucket] += 1
    return [shard for _, _, shard in sorted(turns)]
