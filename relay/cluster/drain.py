"""In which order a process that stops hands its shards over."""

from __future__ import annotations

from collections.abc import Collection

DRAIN_S = 25.0
"""What nobody has taken over by then is released; orchestrators allow 30 s and more."""


def drain_order(shards: Collection[int], max_concurrency: int) -> list[int]:
    """The shards, one of each IDENTIFY bucket in turn.

    Two shards of one bucket have to be 5.5 s apart, so this order lets as many as possible go over in the time.
    """
    buckets: dict[int, list[int]] = {}
    for shard in sorted(shards):
        buckets.setdefault(shard % max_concurrency, []).append(shard)
    rounds = max(map(len, buckets.values()), default=0)
    return [bucket[turn] for turn in range(rounds) for _, bucket in sorted(buckets.items()) if turn < len(bucket)]
