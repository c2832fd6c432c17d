"""Holds this process's shards where several processes share them, and hands them over at its end."""

from __future__ import annotations

import asyncio
import logging
from typing import Never

from discord_adapter.shard_connection import GatewayInfo
from discord_adapter.shard_coordinator import LOOK_S, Rows, ShardCoordinator, ShardLeases
from discord_adapter.shard_manager import ShardManager
from relay.cluster.membership import Membership
from relay.ports import Clock
from storage.errors import StorageError

log = logging.getLogger(__name__)


async def share_shards(
    membership: Membership, clock: Clock, shard_ids: frozenset[int] | None, shards: ShardManager, info: GatewayInfo
) -> Never:
    """Holds this process's shards, of those that all processes share. `shard_ids` are those that the operator gave to
    it; None: any. Raises what `ShardManager.failure` does."""

    async def read() -> Rows:
        return Rows(*await membership.read_shards())

    leases = ShardLeases(
        me=membership.process_id,
        trusted=lambda: membership.holds,
        read=read,
        take=membership.take_shard,
        ask=membership.ask_for_shard,
        take_over=membership.take_shard,
        release=membership.release_shard,
    )
    shards.begin(await _shard_count(membership, clock, info.shards))
    coordinator = ShardCoordinator(
        shards,
        leases,
        info.limit.max_concurrency,
        monotonic=clock.monotonic,
        sleep=clock.sleep,
        shard_ids=shard_ids,
    )
    coordinating = asyncio.create_task(coordinator.run(), name="shards")
    failing = asyncio.create_task(shards.failure(), name="gateway failure")
    try:
        done, _ = await asyncio.wait([coordinating, failing], return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    except asyncio.CancelledError:
        coordinating.cancel()
        await asyncio.gather(coordinating, return_exceptions=True)
        await _drain(membership, coordinator)
        raise
    finally:
        for task in (coordinating, failing):
            task.cancel()
        await asyncio.gather(coordinating, failing, return_exceptions=True)


async def _drain(membership: Membership, coordinator: ShardCoordinator) -> None:
    """The bot is about to end: others take over what it holds."""
    try:
        await membership.begin_draining()
        await coordinator.drain()
    except StorageError as error:
        log.warning("nothing can be handed over now: %s", error)


async def _shard_count(membership: Membership, clock: Clock, wanted: int) -> int:
    while True:
        try:
            return await membership.agree_on_shards(wanted)
        except StorageError as error:
            log.warning("the shards can't be shared out now: %s", error)
        await clock.sleep(LOOK_S)
