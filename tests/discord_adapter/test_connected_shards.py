"""For how long the gateway has been away."""

from __future__ import annotations

import asyncio

from discord_adapter.connected_shards import ShardsUp
from tests.clock import ManualClock


def test_away_from_the_start_until_all_shards_are_up() -> None:
    clock = ManualClock()
    shards = ShardsUp(clock.monotonic)
    clock.forward(5)
    assert shards.away_for(1) == 5
    shards.begin()
    clock.forward(5)
    assert shards.away_for(2) == 10
    shards.up(0)
    assert shards.away_for(2) == 5
    shards.up(1)
    assert shards.away_for(2) == 0


def test_tries_in_vain_do_not_begin_the_time_anew() -> None:
    clock = ManualClock()
    shards = ShardsUp(clock.monotonic)
    shards.up(0)
    clock.forward(5)
    shards.down(0)
    for _ in range(3):
        clock.forward(5)
        shards.begin()
        shards.down(0)
    assert shards.away_for(1) == 15


def test_a_new_connection_counts_from_its_beginning() -> None:
    clock = ManualClock()
    shards = ShardsUp(clock.monotonic)
    shards.up(0)
    clock.forward(5)
    shards.begin()
    clock.forward(2)
    assert shards.away_for(1) == 2
    shards.up(0)
    assert shards.away_for(1) == 0


async def test_who_waits_for_a_lost_shard_goes_on_once_one_is_lost() -> None:
    shards = ShardsUp(ManualClock().monotonic)
    shards.up(0)
    waiting = asyncio.create_task(shards.until_lost(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    shards.down(0)
    await waiting
    await shards.until_lost(1)
