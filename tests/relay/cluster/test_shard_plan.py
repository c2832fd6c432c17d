"""Shards are distributed evenly, and none moves without need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from relay.cluster.shard_plan import (
    ANYBODY_AFTER_S,
    GAP_S,
    drain_order,
    fair_share,
    faults_of_shard_ids,
    shard_to_ask_for,
    shards_to_take,
    shards_to_take_by_hand,
)
from storage.processes import Process, ShardLease

Leases = dict[int, ShardLease]


class Cluster:
    """Processes that act one after another, as the database's locks make them do."""

    def __init__(self, shard_count: int, *ids: str, max_concurrency: int = 1) -> None:
        self.leases: Leases = {shard: ShardLease(shard, None) for shard in range(shard_count)}
        self.processes = {name: Process(name) for name in ids}
        self.max_concurrency = max_concurrency
        self.moves: list[tuple[int, str | None, str]] = []

    @property
    def load(self) -> Counter[str | None]:
        return Counter(lease.owner for lease in self.leases.values())

    def kill(self, name: str) -> None:
        del self.processes[name]
        for shard, lease in self.leases.items():
            if lease.owner == name:
                self.leases[shard] = ShardLease(shard, None)

    def settle(self, *joining: str) -> None:
        """Lets every process take shards until nothing changes."""
        before = -1
        while before != len(self.moves):
            before = len(self.moves)
            assert before <= 10 * len(self.leases), "shards go to and fro"
            for name in sorted(self.processes):
                self._turn(name, joining=name in joining)

    def takes(self, name: str) -> list[int]:
        return shards_to_take(name, self.leases.values(), self.processes.values(), self.max_concurrency)

    def _turn(self, name: str, *, joining: bool) -> None:
        wanted = self.takes(name)[:1]
        if joining and not wanted:
            asked = shard_to_ask_for(name, self.leases.values(), self.processes.values())
            wanted = [] if asked is None else [asked]
        for shard in wanted:
            self.moves.append((shard, self.leases[shard].owner, name))
            self.leases[shard] = ShardLease(shard, name)


sizes = st.integers(1, 24)
names = st.lists(st.sampled_from("abcde"), min_size=1, max_size=5, unique=True)


def uneven(cluster: Cluster) -> int:
    return max(cluster.load[name] for name in cluster.processes) - min(cluster.load[name] for name in cluster.processes)


@given(sizes, names)
def test_a_first_start_distributes_all_shards_evenly(shard_count: int, ids: list[str]) -> None:
    cluster = Cluster(shard_count, *ids)
    cluster.settle()
    assert cluster.load[None] == 0
    assert uneven(cluster) <= 1
    assert len(cluster.moves) == shard_count


@given(sizes, names)
def test_all_processes_compute_the_same_plan_and_leave_no_free_shard(shard_count: int, ids: list[str]) -> None:
    cluster = Cluster(shard_count, *ids)
    taken = Counter(shard for name in ids for shard in cluster.takes(name))
    assert taken == Counter(range(shard_count))


@given(sizes, names.filter(lambda ids: len(ids) > 1), st.data())
def test_a_dead_process_s_shards_go_to_the_others_and_no_other_shard_moves(
    shard_count: int, ids: list[str], data: st.DataObject
) -> None:
    cluster = Cluster(shard_count, *ids)
    cluster.settle()
    dead = data.draw(st.sampled_from(ids))
    orphaned = {shard for shard, lease in cluster.leases.items() if lease.owner == dead}
    cluster.moves.clear()
    cluster.kill(dead)
    cluster.settle()
    assert {shard for shard, _, _ in cluster.moves} == orphaned
    assert len(cluster.moves) == len(orphaned)
    assert uneven(cluster) <= 1


@given(sizes, names.filter(lambda ids: len(ids) > 1))
def test_a_new_process_gets_its_fair_share_with_the_fewest_moves(shard_count: int, ids: list[str]) -> None:
    *before, newcomer = ids
    cluster = Cluster(shard_count, *before)
    cluster.settle()
    cluster.processes[newcomer] = Process(newcomer)
    cluster.moves.clear()
    cluster.settle(newcomer)
    share = fair_share(shard_count, len(ids))
    assert cluster.load[newcomer] == share == len(cluster.moves)
    assert all(to == newcomer for _, _, to in cluster.moves)
    assert min(cluster.load[name] for name in ids) >= share
    assert uneven(cluster) <= 1


@given(sizes, names)
def test_nothing_moves_unless_a_process_joins_dies_or_drains(shard_count: int, ids: list[str]) -> None:
    """Even if the distribution is uneven."""
    cluster = Cluster(shard_count, *ids)
    for shard in cluster.leases:
        cluster.leases[shard] = ShardLease(shard, ids[0])
    cluster.settle()
    assert cluster.moves == []


@given(sizes, names.filter(lambda ids: len(ids) > 1), st.integers(1, 16))
def test_a_draining_process_s_shards_go_to_the_others(shard_count: int, ids: list[str], max_concurrency: int) -> None:
    cluster = Cluster(shard_count, *ids, max_concurrency=max_concurrency)
    cluster.settle()
    cluster.processes[ids[0]] = replace(cluster.processes[ids[0]], draining=True)
    cluster.moves.clear()
    cluster.settle()
    assert cluster.load[ids[0]] == 0
    assert all(source == ids[0] for _, source, _ in cluster.moves)
    others = [cluster.load[name] for name in ids[1:]]
    assert max(others) - min(others) <= 1


def test_a_draining_process_takes_nothing() -> None:
    cluster = Cluster(4)
    cluster.processes["a"] = Process("a", draining=True)
    assert cluster.takes("a") == []
    assert shard_to_ask_for("a", cluster.leases.values(), cluster.processes.values()) is None


@given(sizes, names, st.data())
def test_a_rolling_update_keeps_shards_even(shard_count: int, ids: list[str], data: st.DataObject) -> None:
    """Each process is replaced by a new one that joins before the old one drains."""
    cluster = Cluster(shard_count, *ids)
    cluster.settle()
    for name in data.draw(st.permutations(ids)):
        new = name.upper()
        cluster.processes[new] = Process(new)
        cluster.settle(new)
        cluster.processes[name] = Process(name, draining=True)
        cluster.settle()
        assert cluster.load[name] == 0
        del cluster.processes[name]
    assert cluster.load[None] == 0
    assert uneven(cluster) <= 1


def test_a_shard_being_moved_is_not_requested_again() -> None:
    leases = [*(ShardLease(shard, "a") for shard in range(3)), ShardLease(3, "a", successor="b")]
    processes = [Process("a"), Process("b"), Process("c")]
    assert shard_to_ask_for("b", leases, processes) is None
    assert shard_to_ask_for("c", leases, processes) == 2
    draining = [Process("a", draining=True), Process("b"), Process("c")]
    taken = [shard for me in ("b", "c") for shard in shards_to_take(me, leases, draining, 1)]
    assert sorted(taken) == [0, 1, 2]


def test_a_dead_successor_is_replaced() -> None:
    leases = [ShardLease(0, "a", successor="dead"), ShardLease(1, "a")]
    assert shards_to_take("b", leases, [Process("a", draining=True), Process("b")], 1) == [0, 1]
    assert shard_to_ask_for("b", [leases[0], leases[0]], [Process("a"), Process("b")]) == 0


def test_a_dead_owner_s_lease_is_waited_for() -> None:
    assert shards_to_take("b", [ShardLease(0, "dead")], [Process("b")], 1) == []


def test_a_shard_that_stays_free_can_be_taken_by_any_process() -> None:
    """The process whose turn it is may be cut off from Discord."""
    processes = [Process("a"), Process("b")]

    def takes(free_s: float) -> Iterator[list[int]]:
        for me in ("a", "b"):
            yield shards_to_take(me, [ShardLease(0, None, free_s=free_s)], processes, 1)

    assert list(takes(ANYBODY_AFTER_S - 0.1)) == [[0], []]
    assert list(takes(ANYBODY_AFTER_S)) == [[0], [0]]


@given(
    st.lists(st.tuples(st.sampled_from([None, "a", "b", "gone"]), st.sampled_from([None, "a", "c"])), max_size=30),
    st.sets(st.sampled_from("abc"), min_size=1),
    st.sets(st.sampled_from("abc")),
)
def test_whatever_the_rows_say_no_process_takes_what_it_has(
    rows: list[tuple[str | None, str | None]], live: set[str], draining: set[str]
) -> None:
    leases = [ShardLease(shard, owner, successor) for shard, (owner, successor) in enumerate(rows)]
    processes = [Process(name, name in draining) for name in sorted(live)]
    for me in live:
        taken = shards_to_take(me, leases, processes, 2)
        asked = shard_to_ask_for(me, leases, processes)
        assert len(set(taken)) == len(taken)
        assert all(leases[shard].taker != me for shard in [*taken, *([] if asked is None else [asked])])
        assert not (me in draining and (taken or asked is not None))


ALIVE = [Process("a"), Process("b")]


def leases(*owners: str | None, free_s: float = 0.0) -> list[ShardLease]:
    return [ShardLease(shard, owner, free_s=0.0 if owner else free_s) for shard, owner in enumerate(owners)]


def test_only_assigned_shards_are_taken() -> None:
    assert shards_to_take_by_hand("a", {0, 2}, leases(None, None, None, "b"), ALIVE, 1) == [0, 2]
    assert shards_to_take_by_hand("a", {0, 2}, leases("a", None, "b", None), ALIVE, 1) == []


def test_a_draining_process_hands_over_to_one_with_the_same_shard_ids() -> None:
    replaced = [Process("a"), Process("b", draining=True)]
    assert shards_to_take_by_hand("a", {0, 1, 2}, leases("b", "b", None, "b"), replaced, 1) == [2, 0, 1]
    on_its_way = [ShardLease(0, "b", successor="a"), ShardLease(1, "b", successor="dead")]
    assert shards_to_take_by_hand("a", {0, 1}, on_its_way, replaced, 1) == [1]
    assert shards_to_take_by_hand("b", {0, 1}, leases(None, None), replaced, 1) == []


def test_each_problem_is_described_in_a_sentence() -> None:
    assert faults_of_shard_ids("a", {0, 1}, leases("a", "a", "b"), ALIVE) == []
    assert faults_of_shard_ids("a", {0, 1, 2, 7}, leases("a", None, "b", None, free_s=GAP_S), ALIVE) == [
        "SHARD_IDS names 7, and there are only shards 0 to 3; take it out",
        "SHARD_IDS names 2, which another process holds; take it out of one of the two",
        "SHARD_IDS of no process names 3, so nobody answers in its servers; add it to one",
    ]


def test_a_shard_about_to_be_taken_is_no_problem() -> None:
    replaced = [Process("a"), Process("b", draining=True)]
    assert faults_of_shard_ids("a", {0}, leases("b", None, free_s=GAP_S - 1), replaced) == []


shards = st.sets(st.integers(0, 300), max_size=60)


@given(shards, st.integers(1, 64))
def test_each_shard_is_handed_over_once(held: set[int], max_concurrency: int) -> None:
    assert sorted(drain_order(held, max_concurrency)) == sorted(held)


@given(shards, st.integers(1, 64))
def test_no_bucket_repeats_before_every_other_had_its_turn(held: set[int], max_concurrency: int) -> None:
    order = [shard % max_concurrency for shard in drain_order(held, max_concurrency)]
    for place, bucket in enumerate(order):
        turn = order[:place].count(bucket)
        assert all(order[:place].count(other) > turn or order.count(other) <= turn for other in range(bucket))


def test_buckets_take_turns() -> None:
    assert drain_order({0, 1, 2, 3, 4, 8}, 4) == [0, 1, 2, 3, 4, 8]
    assert drain_order({0, 4, 8, 1, 5}, 4) == [0, 1, 4, 5, 8]
    assert drain_order({7, 3, 5}, 1) == [3, 5, 7]
