"""Shards that the operator gives to each process by hand (SHARD_IDS), in place of fair shares."""

from __future__ import annotations

from collections.abc import Collection

from relay.cluster.drain import drain_order
from relay.cluster.shares import Process, ShardLease

GAP_S = 60.0
"""A shard that has been free for so long is in no process's SHARD_IDS."""


def shards_to_take_by_hand(
    me: str,
    shard_ids: Collection[int],
    leases: Collection[ShardLease],
    processes: Collection[Process],
    max_concurrency: int,
) -> list[int]:
    """Those of `shard_ids` that `me` takes over now, in this order: free ones, then those of draining processes."""
    takers = {process.id for process in processes if not process.draining}
    draining = {process.id for process in processes if process.draining}
    if me not in takers:
        return []
    wanted = [lease for lease in leases if lease.shard_id in shard_ids and lease.successor not in takers]
    free = sorted(lease.shard_id for lease in wanted if lease.owner is None)
    return free + drain_order({lease.shard_id for lease in wanted if lease.owner in draining}, max_concurrency)


def faults_of_shard_ids(
    me: str, shard_ids: Collection[int], leases: Collection[ShardLease], processes: Collection[Process]
) -> list[str]:
    """What is wrong with SHARD_IDS, here or in other processes, a sentence for each fault."""
    others = {process.id for process in processes if not process.draining and process.id != me}
    unknown = set(shard_ids) - {lease.shard_id for lease in leases}
    overlapping = {lease.shard_id for lease in leases if lease.shard_id in shard_ids and lease.owner in others}
    gaps = {
        lease.shard_id
        for lease in leases
        if lease.owner is None and lease.free_s >= GAP_S and lease.shard_id not in shard_ids
    }
    return [
        f"SHARD_IDS {text.format(_numbers(found))}"
        for found, text in (
            (unknown, f"names {{}}, and there are only shards 0 to {len(leases) - 1}; take it out"),
            (overlapping, "names {}, which another process holds; take it out of one of the two"),
            (gaps, "of no process names {}, so nobody answers in its servers; add it to one"),
        )
        if found
    ]


def _numbers(shards: Collection[int]) -> str:
    return ", ".join(map(str, sorted(shards)))
