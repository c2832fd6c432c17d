"""SHARD_IDS: each process takes what it was given, and faults are told."""

from __future__ import annotations

from relay.cluster.by_hand import GAP_S, faults_of_shard_ids, shards_to_take_by_hand
from relay.cluster.shares import Process, ShardLease

ALIVE = [Process("a"), Process("b")]


def leases(*owners: str | None, free_s: float = 0.0) -> list[ShardLease]:
    return [ShardLease(shard, owner, free_s=0.0 if owner else free_s) for shard, owner in enumerate(owners)]


def test_only_what_was_given_is_taken() -> None:
    assert shards_to_take_by_hand("a", {0, 2}, leases(None, None, None, "b"), ALIVE, 1) == [0, 2]
    assert shards_to_take_by_hand("a", {0, 2}, leases("a", None, "b", None), ALIVE, 1) == []


def test_a_draining_process_gives_to_whoever_has_the_same() -> None:
    replaced = [Process("a"), Process("b", draining=True)]
    assert shards_to_take_by_hand("a", {0, 1, 2}, leases("b", "b", None, "b"), replaced, 1) == [2, 0, 1]
    on_its_way = [ShardLease(0, "b", successor="a"), ShardLease(1, "b", successor="dead")]
    assert shards_to_take_by_hand("a", {0, 1}, on_its_way, replaced, 1) == [1]
    assert shards_to_take_by_hand("b", {0, 1}, leases(None, None), replaced, 1) == []


def test_faults_are_told_in_a_sentence_each() -> None:
    assert faults_of_shard_ids("a", {0, 1}, leases("a", "a", "b"), ALIVE) == []
    assert faults_of_shard_ids("a", {0, 1, 2, 7}, leases("a", None, "b", None, free_s=GAP_S), ALIVE) == [
        "SHARD_IDS names 7, and there are only shards 0 to 3; take it out",
        "SHARD_IDS names 2, which another process holds; take it out of one of the two",
        "SHARD_IDS of no process names 3, so nobody answers in its servers; add it to one",
    ]


def test_what_is_about_to_be_taken_is_no_fault() -> None:
    replaced = [Process("a"), Process("b", draining=True)]
    assert faults_of_shard_ids("a", {0}, leases("b", None, free_s=GAP_S - 1), replaced) == []
