"""Whether an outcome comes late, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import LateReason

LATE_AFTER = 10 * 60_000
"""Milliseconds after the job's end from which on an outcome is late."""


@dataclass(frozen=True, slots=True)
class Delay:
    """How a job's end came to be told. Times are milliseconds UTC."""

    now: int
    ended: int
    """As the API tells it."""
    seen: int
    """When the bot saw the end."""
    told: int
    """When the outcome was put into the outbox: later than `seen` where the subscription was on hold."""
    watched_since: int
    started: int
    """When this process started."""
    account_since: int
    """When the account's token last began to work, or ceased to."""
    blocked: bool
    """Discord refused the outcome for lack of a permission."""


def why_late(course: Delay) -> LateReason | None:
    """None where it is not late, or nobody waited for it when it ended."""
    if course.now - course.ended <= LATE_AFTER or course.watched_since >= course.ended:
        return None
    if course.blocked:
        return LateReason.NO_ACCESS
    if course.told - course.seen > LATE_AFTER or course.account_since > course.ended:
        return LateReason.TOKEN
    if course.seen - course.ended <= LATE_AFTER:
        return LateReason.OFFLINE
    if course.started > course.ended:
        return LateReason.OFFLINE
    return LateReason.API_DOWN
