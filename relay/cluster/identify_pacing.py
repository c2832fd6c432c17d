"""When the next IDENTIFY may be sent, counted over all processes.

Discord takes one in five seconds for each bucket, and a thousand a day; one too many ends every session and voids the
bot's token (Discord API docs, events/gateway, Identifying, Max Concurrency).
"""

from __future__ import annotations

from dataclasses import dataclass

SPACING_S = 5.5
"""Between two IDENTIFYs of a bucket: Discord's five seconds, and a margin for the network."""
SCARCE = 0.25
"""If less than this part of a day's IDENTIFYs is left, something keeps restarting: they are spaced over all buckets."""
SCARCE_SPACING_S = 60.0
RESERVE = 5
"""This many of a day are never used: they are the operator's way back after a crash loop."""


@dataclass(frozen=True, slots=True)
class SessionStartLimit:
    """Discord's `session_start_limit`, less what all processes have used since it was asked for.

    Attributes:
        reset_after_s: Seconds until `remaining` is `total` again.
    """

    total: int
    remaining: int
    reset_after_s: float
    max_concurrency: int


def bucket_of(shard_id: int, max_concurrency: int) -> int:
    """The bucket of a shard; the IDENTIFYs of one bucket are spaced."""
    return shard_id % max_concurrency


def seconds_until_identify(
    limit: SessionStartLimit, since_last_of_bucket_s: float | None, since_last_s: float | None
) -> float:
    """Seconds to wait before the next IDENTIFY of a bucket; 0: it may be sent now.

    Args:
        limit: As it is now.
        since_last_of_bucket_s: Seconds since the bucket's last IDENTIFY, by the database's clock; None: there was none.
        since_last_s: The same over all buckets.
    """
    if limit.remaining <= RESERVE:
        return max(limit.reset_after_s, SCARCE_SPACING_S)  # then the limit is asked for again
    wait = _left(SPACING_S, since_last_of_bucket_s)
    if limit.remaining < limit.total * SCARCE:
        wait = max(wait, _left(SCARCE_SPACING_S, since_last_s))
    return wait


def _left(spacing_s: float, since_s: float | None) -> float:
    return 0.0 if since_s is None else max(spacing_s - since_s, 0.0)
