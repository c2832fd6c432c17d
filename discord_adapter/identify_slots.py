"""The slots in which shards send their IDENTIFYs, for a single process or shared by several."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from relay.cluster.identify_pacing import (
    RESERVE,
    SCARCE,
    SCARCE_SPACING_S,
    SPACING_S,
    SessionStartLimit,
    bucket_of,
    seconds_until_identify,
)
from relay.ports import Sleep
from storage.errors import StorageError

log = logging.getLogger(__name__)


class LocalSlots:
    """Spaces the IDENTIFYs of this process. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float], sleep: Sleep) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._last: dict[int, float] = {}

    async def take(self, shard_id: int, limit: SessionStartLimit) -> bool:
        """Waits until this shard may identify. Returns False if no IDENTIFY was left; the limit has to be requested
        again then."""
        bucket, now = bucket_of(shard_id, limit.max_concurrency), self._monotonic()
        last_of_bucket = self._last.get(bucket)
        last = max(self._last.values(), default=None)
        wait = seconds_until_identify(
            limit, None if last_of_bucket is None else now - last_of_bucket, None if last is None else now - last
        )
        if limit.remaining <= RESERVE:
            await _wait_for_more(shard_id, limit, wait, self._sleep)
            return False
        self._last[bucket] = now + wait  # Set before waiting, so that the next slot comes after this one.
        if wait > 0:
            await self._sleep(wait)
        return True


class SharedSlots:
    """Spaces the IDENTIFYs of all processes.

    `take_slot` gets a name and a spacing in seconds. It takes the next slot of that name and returns 0, or returns how
    many seconds to wait if the slot is not free yet. It may raise StorageError.
    """

    def __init__(self, take_slot: Callable[[str, float], Awaitable[float]], sleep: Sleep) -> None:
        self._take_slot = take_slot
        self._sleep = sleep

    async def take(self, shard_id: int, limit: SessionStartLimit) -> bool:
        """Waits until this shard may identify. Returns False if no IDENTIFY was left; the limit has to be requested
        again then."""
        if limit.remaining <= RESERVE:
            await _wait_for_more(shard_id, limit, seconds_until_identify(limit, None, None), self._sleep)
            return False
        if limit.remaining < limit.total * SCARCE:
            await self._wait_for_slot("identify", SCARCE_SPACING_S)
        await self._wait_for_slot(f"identify:{bucket_of(shard_id, limit.max_concurrency)}", SPACING_S)
        return True

    async def _wait_for_slot(self, name: str, spacing_s: float) -> None:
        while True:
            try:
                wait = await self._take_slot(name, spacing_s)
            except StorageError as error:
                log.warning("no slot for an IDENTIFY can be had now: %s", error)
                wait = 1.0
            if wait <= 0:
                return
            await self._sleep(wait)


async def _wait_for_more(shard_id: int, limit: SessionStartLimit, wait: float, sleep: Sleep) -> None:
    log.error(
        "Discord takes only %d more log-ins of this bot today; shard %d waits for %.0f s",
        limit.remaining,
        shard_id,
        wait,
    )
    await sleep(wait)
