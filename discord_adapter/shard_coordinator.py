"""Shares the gateway's shards with other processes: takes free shards, hands shards over, and releases them at the end.

The database decides who holds a shard; `relay/cluster/` decides which shards to take. A shard is handed over make
before break: the successor connects and takes the lease once Discord sends it events, and only then does the earlier
process close its own session. Meanwhile both receive every interaction, and Discord accepts one acknowledgement.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Never

from discord_adapter.shard_connection import GatewayInfo
from discord_adapter.shard_manager import OtherShardCount, ShardManager
from relay.cluster.identify_pacing import bucket_of
from relay.cluster.membership import Membership
from relay.cluster.shard_plan import (
    DRAIN_S,
    fair_share,
    faults_of_shard_ids,
    shard_to_ask_for,
    shards_to_take,
    shards_to_take_by_hand,
)
from relay.ports import Clock, Sleep
from relay.tasks import end_tasks
from storage.errors import StorageError
from storage.processes import Process, ShardLease

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Seconds between two looks at the rows."""
_LOOK_WHILE_DRAINING_S = 0.25
HANDOVER_S = 120.0
"""Seconds after which a successor that has not connected gives up. Scarce IDENTIFYs are a minute apart."""
AWAY_S = 60.0
"""Seconds after which a shard that fails to connect is released, so that another process can take it."""


class _Rows(NamedTuple):
    """The rows of all shards and of all live processes, including this one."""

    leases: Sequence[ShardLease]
    processes: Sequence[Process]


class ShardCoordinator:
    """Keeps this process's connections in step with the rows. `monotonic` returns seconds.

    `shard_ids` are the shards that the operator gave to this process; if None, the processes divide all shards among
    themselves.
    """

    def __init__(
        self,
        shards: ShardManager,
        membership: Membership,
        max_concurrency: int,
        *,
        monotonic: Callable[[], float],
        sleep: Sleep,
        shard_ids: frozenset[int] | None,
    ) -> None:
        self._shards = shards
        self._membership = membership
        self._max_concurrency = max_concurrency
        self._shard_ids = shard_ids
        self._faults: list[str] = []
        self._monotonic = monotonic
        self._sleep = sleep
        self._handovers: dict[int, asyncio.Task[None]] = {}
        self._joining = shard_ids is None
        """True until this process has had its fair share. After that, no shard moves to it from a live process."""
        self._takes_shards_from = monotonic()
        """From when on shards are taken; later than now if Discord could not be reached."""

    async def run(self) -> Never:
        """Follows the rows, once a second. Raises OtherShardCount, and what `ShardManager.failure` raises."""
        while True:
            await self.turn()
            self._shards.check()
            await self._sleep(LOOK_S)

    async def turn(self) -> None:
        """Follows the rows once: connects, hands over and closes shards. Raises OtherShardCount."""
        if not self._membership.has_lease:
            await self._let_go()
            return
        # A shard that is taken over while the rows are read may still be in them as it was before.
        going_over = frozenset(self._handovers)
        try:
            rows = _Rows(*await self._membership.read_shards())
            self._check_count(rows)
            await self._follow(rows, going_over | self._handovers.keys())
            if self._monotonic() >= self._takes_shards_from:
                await self._take(rows)
        except StorageError as error:
            log.warning("the shards can't be looked after now: %s", error)

    async def drain(self, handing_over: Callable[[], None]) -> None:
        """Lets others take over every shard for up to `DRAIN_S` seconds, then releases the rest. Calls `handing_over`
        first if there are others.

        The process must be marked as draining, and `run` must have ended. Does not wait if no other process is alive.
        """
        until = self._monotonic() + DRAIN_S
        await self._end_handovers()
        if self._shards.held and await self._somebody_else():
            handing_over()
        while self._shards.held and self._monotonic() < until and await self._somebody_else():
            await self._sleep(_LOOK_WHILE_DRAINING_S)
            try:
                await self.turn()
            except OtherShardCount:
                break
        await self.release()

    async def release(self) -> None:
        """Frees every shard. `run` must have ended."""
        await self._end_handovers()
        for shard_id in sorted(self._shards.held):
            with suppress(StorageError):  # The lease runs out then.
                await self._membership.release_shard(shard_id)
        await self._shards.end()

    def _check_count(self, rows: _Rows) -> None:
        """While no process held a shard, as after an outage of the database, another one may have set the number that
        Discord recommends by now."""
        count = self._shards.client.shard_count
        if len(rows.leases) != count:
            raise OtherShardCount(f"the bot has {len(rows.leases)} shards now, and no longer {count}")

    async def _somebody_else(self) -> bool:
        try:
            rows = _Rows(*await self._membership.read_shards())
        except StorageError:
            return False
        return any(not process.draining and process.id != self._membership.process_id for process in rows.processes)

    async def _let_go(self) -> None:
        """Detaches the shards, which others may hold by now. If nobody does, their sessions are resumed later."""
        await self._end_handovers()
        await self._shards.detach(self._shards.held)

    async def _end_handovers(self) -> None:
        await end_tasks(self._handovers.values())

    async def _follow(self, rows: _Rows, going_over: frozenset[int]) -> None:
        """Closes shards that now belong to others, connects this process's, and releases those that fail to connect."""
        me = self._membership.process_id
        mine = {lease.shard_id for lease in rows.leases if lease.owner == me}
        others = {lease.shard_id for lease in rows.leases if lease.owner not in (me, None)}
        self._shards.held_elsewhere(others)
        for shard_id in ((self._shards.held | self._shards.detached) & others) - going_over:
            log.info("shard %d is another process's now", shard_id)
            await self._shards.drop(shard_id)
        # This process had no lease for a while, so its shards are free, and mostly it takes them again.
        await self._shards.detach(self._shards.held - mine - going_over)
        for shard_id in {lease.shard_id for lease in rows.leases if lease.successor == me} - going_over:
            await self._membership.release_shard(shard_id)  # Left by a handover that ended while the database was away.
        for shard_id in sorted(mine):
            self._shards.connect(shard_id)
            if self._shards.failing_for(shard_id) >= AWAY_S:
                log.warning("shard %d can't connect for %.0f s; another process may take it", shard_id, AWAY_S)
                self._takes_shards_from = self._monotonic() + AWAY_S
                await self._membership.release_shard(shard_id)
                await self._shards.give_up(shard_id)

    async def _take(self, rows: _Rows) -> None:
        me = self._membership.process_id
        free = {lease.shard_id for lease in rows.leases if lease.owner is None}
        wanted = self._wanted(rows)
        for shard_id in wanted:
            if shard_id not in free:
                await self._begin_handover(shard_id)
            elif await self._membership.take_shard(shard_id):
                self._shards.connect(shard_id)
        if self._joining and not wanted:
            asked = shard_to_ask_for(me, rows.leases, rows.processes)
            if asked is not None:
                await self._begin_handover(asked)
            self._joining = not self._has_its_share(rows)

    def _wanted(self, rows: _Rows) -> list[int]:
        me, shard_ids = self._membership.process_id, self._shard_ids
        if shard_ids is None:
            return shards_to_take(me, rows.leases, rows.processes, self._max_concurrency)
        faults = faults_of_shard_ids(me, shard_ids, rows.leases, rows.processes)
        for fault in faults:
            if fault not in self._faults:
                log.error("%s", fault)
        self._faults = faults
        return shards_to_take_by_hand(me, shard_ids, rows.leases, rows.processes, self._max_concurrency)

    def _has_its_share(self, rows: _Rows) -> bool:
        takers = sum(not process.draining for process in rows.processes)
        held = sum(lease.owner == self._membership.process_id for lease in rows.leases)
        return takers > 0 and held >= fair_share(len(rows.leases), takers)

    async def _begin_handover(self, shard_id: int) -> None:
        """Begins to take over a shard, but only one shard of each IDENTIFY bucket at a time."""
        buckets = {bucket_of(other, self._max_concurrency) for other in self._handovers}
        if bucket_of(shard_id, self._max_concurrency) in buckets or not await self._membership.ask_for_shard(shard_id):
            return
        handover = asyncio.create_task(self._hand_over(shard_id), name=f"handover of shard {shard_id}")
        self._handovers[shard_id] = handover
        handover.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # `failure` raises it too.

    async def _hand_over(self, shard_id: int) -> None:
        taken = False
        try:
            async with asyncio.timeout(HANDOVER_S):
                await self._shards.add(shard_id)
            taken = await self._membership.take_shard(shard_id)
        except TimeoutError:
            log.warning("shard %d did not connect in time, so its process keeps it", shard_id)
        except StorageError as error:
            log.warning("shard %d was not taken over: %s", shard_id, error)
        finally:
            if not taken:
                with suppress(StorageError):
                    await self._membership.release_shard(shard_id)
                await self._shards.drop(shard_id)
            del self._handovers[shard_id]


async def share_shards(
    membership: Membership,
    clock: Clock,
    shard_ids: frozenset[int] | None,
    handing_over: Callable[[], None],
    shards: ShardManager,
    info: GatewayInfo,
) -> Never:
    """Holds this process's shards. When it is cancelled, it calls `handing_over` if there are others, and lets them
    take the shards over.

    `shard_ids` are the shards that the operator gave to this process; if None, the processes divide all shards among
    themselves. Raises OtherShardCount, and what `ShardManager.failure` raises.
    """
    shards.begin(await _shard_count(membership, clock, info.shards))
    coordinator = ShardCoordinator(
        shards,
        membership,
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
        await end_tasks([coordinating])
        await _drain(membership, coordinator, handing_over)
        raise
    except Exception:
        await end_tasks([coordinating])
        # Other processes may succeed; and the number of shards can't change while any process holds one.
        await coordinator.release()
        raise
    finally:
        await end_tasks([coordinating, failing])


async def _drain(membership: Membership, coordinator: ShardCoordinator, handing_over: Callable[[], None]) -> None:
    """Lets others take over what this process holds, before the bot ends."""
    try:
        await membership.begin_draining()
        await coordinator.drain(handing_over)
    except StorageError as error:
        log.warning("nothing can be handed over now: %s", error)


async def _shard_count(membership: Membership, clock: Clock, wanted: int) -> int:
    while True:
        try:
            return await membership.agree_on_shards(wanted)
        except StorageError as error:
            log.warning("the shards can't be shared out now: %s", error)
        await clock.sleep(LOOK_S)
