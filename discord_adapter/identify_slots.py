"""The turns of one process that is alone to send IDENTIFYs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from relay.cluster.identify_pacing import RESERVE, SessionStartLimit, bucket_of, seconds_until_identify

log = logging.getLogger(__name__)


class LocalSlots:
    """Spaces the IDENTIFYs of this process. `monotonic` returns seconds."""

    def __init__(self, monotonic: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._monotonic = monotonic
        self._sleep = sleep
        self._last: dict[int, float] = {}

    async def take(self, shard_id: int, limit: SessionStartLimit) -> bool:
        """Waits until this shard may identify. False: none was left, and the limit has to be asked for again."""
        bucket, now = bucket_of(shard_id, limit.max_concurrency), self._monotonic()
        last_of_bucket = self._last.get(bucket)
        last = max(self._last.values(), default=None)
        wait = seconds_until_identify(
            limit, None if last_of_bucket is None else now - last_of_bucket, None if last is None else now - last
        )
        if limit.remaining <= RESERVE:
            log.error(
                "Discord takes only %d more log-ins of this bot today; shard %d waits for %.0f s",
                limit.remaining,
                shard_id,
                wait,
            )
            await self._sleep(wait)
            return False
        self._last[bucket] = now + wait  # before the wait, so that the next one comes after it
        if wait > 0:
            await self._sleep(wait)
        return True
