"""How far apart IDENTIFYs are, and how long one has to wait.

A single process computes each wait with `seconds_until_identify`. Several processes take slots from the database
(`take_slot` in `storage/processes.py`), spaced by the constants of this module.

Discord allows one in five seconds for each bucket, and a thousand a day. One too many ends every session and resets the
bot's token (Discord API docs, events/gateway, Identifying, Max Concurrency).
"""

from __future__ import annotations

from dataclasses import dataclass

SPACING_S = 5.5
"""Seconds between two IDENTIFYs of a bucket: Discord's five, and a margin for the network."""
SCARCE = 0.25
"""If less than this share of a day's IDENTIFYs is left, something keeps restarting. They are then spaced over all
buckets."""
SCARCE_SPACING_S = 60.0
RESERVE = 5
"""This many of a day's IDENTIFYs are never used. They let the operator start the bot again after a crash loop."""


@dataclass(frozen=True, slots=True)
class SessionStartLimit:
    """Discord's `session_start_limit`, minus what all processes have used since it was requested.

    Attributes:
        reset_after_s: Seconds until `remaining` is `total` again.
    """

    total: int
    remaining: int
    reset_after_s: float
    max_concurrency: int


def bucket_of(shard_id: int, max_concurrency: int) -> int:
    """The bucket of a shard. IDENTIFYs of the same bucket have to be spaced."""
    return shard_id % max_concurrency


def seconds_until_identify(
    limit: SessionStartLimit, since_last_of_bucket_s: float | None, since_last_s: float | None
) -> float:
    """Seconds to wait before the next IDENTIFY of a bucket; 0 if it may be sent now.

    Args:
        limit: The current limit.
        since_last_of_bucket_s: Seconds since this process last sent an IDENTIFY of the bucket; None if it has not.
        since_last_s: Seconds since this process last sent any IDENTIFY; None if it has not.
    """
    if limit.remaining <= RESERVE:
        return max(limit.reset_after_s, SCARCE_SPACING_S)  # The limit is then requested again.
    wait = _left(SPACING_S, since_last_of_bucket_s)
    if limit.remaining < limit.total * SCARCE:
        wait = max(wait, _left(SCARCE_SPACING_S, since_last_s))
    return wait


def _left(spacing_s: float, since_s: float | None) -> float:
    return 0.0 if since_s is None else max(spacing_s - since_s, 0.0)
