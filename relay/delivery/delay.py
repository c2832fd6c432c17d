"""Pure functions that tell why an outcome is late."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import LateReason

LATE_AFTER = 10 * 60_000
"""Milliseconds after the job's end; an outcome posted later than that is late."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The times of all steps that led to an outcome, in milliseconds UTC."""

    now: int
    ended: int
    """The job's end according to the API."""
    seen: int
    """When the bot saw the end."""
    queued: int
    """When the outcome was added to the outbox; later than `seen` if the subscription was on hold."""
    watched_since: int
    started: int
    """When this process started."""
    account_since: int
    """When the account's token last began or stopped working."""
    blocked: bool
    """Whether Discord refused the outcome for lack of a permission."""


def why_late(delay: Delay) -> LateReason | None:
    """The reason for the delay; None if the outcome is not late, or if the job ended before it was watched."""
    if delay.now - delay.ended <= LATE_AFTER or delay.watched_since >= delay.ended:
        return None
    if delay.blocked:
        return LateReason.NO_ACCESS
    if delay.queued - delay.seen > LATE_AFTER or delay.account_since > delay.ended:
        return LateReason.TOKEN
    seen_in_time = delay.seen - delay.ended <= LATE_AFTER
    if delay.started > (delay.seen if seen_in_time else delay.ended):
        return LateReason.OFFLINE
    return LateReason.POSTING if seen_in_time else LateReason.API_DOWN
