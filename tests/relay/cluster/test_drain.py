"""A process that stops lets as many shards as possible go over in its time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.cluster.drain import drain_order

shards = st.sets(st.integers(0, 300), max_size=60)


@given(shards, st.integers(1, 64))
def test_each_is_handed_over_once(held: set[int], max_concurrency: int) -> None:
    assert sorted(drain_order(held, max_concurrency)) == sorted(held)


@given(shards, st.integers(1, 64))
def test_no_bucket_comes_again_before_every_other_had_its_turn(held: set[int], max_concurrency: int) -> None:
    order = [shard % max_concurrency for shard in drain_order(held, max_concurrency)]
    for place, bucket in enumerate(order):
        turn = order[:place].count(bucket)
        assert all(order[:place].count(other) > turn or order.count(other) <= turn for other in range(bucket))


def test_buckets_in_turn() -> None:
    assert drain_order({0, 1, 2, 3, 4, 8}, 4) == [0, 1, 2, 3, 4, 8]
    assert drain_order({0, 4, 8, 1, 5}, 4) == [0, 1, 4, 5, 8]
    assert drain_order({7, 3, 5}, 1) == [3, 5, 7]
