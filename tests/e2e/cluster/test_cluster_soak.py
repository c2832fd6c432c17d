"""A short soak test of several bots: one is killed, one is replaced. `make soak-cluster` runs the long form."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.forking import ForkServer
from tests.soak.cluster.fleet import Fleet
from tests.soak.cluster.plan import KINDS, plan
from tests.soak.cluster.traffic import Traffic
from tests.soak.cluster.verdict import violations

_SHARDS = 2


@pytest.mark.asyncio(loop_scope="module")
async def test_one_process_is_replaced_and_one_is_killed(
    program: Path, fork_server: ForkServer | None, tmp_path: Path
) -> None:
    async with Fleet.build(program, tmp_path, _SHARDS, _SHARDS, fork_server) as fleet:
        first, second = await fleet.add(), await fleet.add()
        await fleet.healed()
        servers = [await fleet.crowd.server(shard=shard, shard_count=_SHARDS) for shard in range(_SHARDS)]
        traffic = Traffic(fleet, servers, seed=1, at_once=3, longest_s=3.0)
        async with traffic.flowing(every_s=0.3):
            await fleet.replace(first)
        began = time.time()
        async with traffic.flowing(every_s=0.3):
            await fleet.kill(second)
            await fleet.healed()
        disturbed = (began, time.time())
        await traffic.all_told(timeout=30)
        assert len(traffic.expected) > 10
        assert violations(fleet.crowd.all_events(), traffic.expected, [disturbed], _SHARDS) == []


def test_a_seed_repeats_the_plan() -> None:
    assert plan(7, 1, 60) == plan(7, 1, 60) != plan(8, 1, 60)
    assert plan(7, 1, 60) != plan(7, 2, 60)
    assert {fault.kind for fault in plan(7, 1, 60)} == set(KINDS)
