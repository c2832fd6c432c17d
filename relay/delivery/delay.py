"""Pure functions that tell why an outcome is late."""

from __future__ import annotations

from dataclasses import dataclass

from model.messages import LateReason

LATE_AFTER = 10 * 60_000
"""Milliseconds after the job's end; an outcome posted later than that is late."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The times of all steps that led to an outcome, in milliseconds UTC by this machine's clock."""

    now: int
    ended: int
    """The job's end according to the API."""
    seen: int
    """When the bot saw the end."""
    queued: int
    """When the outcome was added to the outbox; later than `seen` if the subscription was on hold."""
    watched_since: int
    working_since: int
    """Since when the bot has run and been able to store what it sees."""
    account_changes: tuple[int, ...]
    """When the account's token last began or stopped working, and when the server began to use the account."""
    server_back: int
    """When the bot last came back to the server; 0 if the server never removed it."""
    blocked: bool
    """Whether Discord refused the outcome for lack of a permission."""


def why_late(delay: Delay) -> LateReason | None:
    """The reason for the delay; None if the outcome is not late, or if the job ended before it was watched."""
    if delay.now - delay.ended <= LATE_AFTER or delay.watched_since >= delay.ended:
        return None
    if delay.blocked or delay.server_back > delay.ended:
        return LateReason.NO_ACCESS
    seen_in_time = delay.seen - delay.ended <= LATE_AFTER
    token_changed = any(delay.ended < changed <= delay.seen for changed in delay.account_changes)
    if delay.queued - delay.seen > LATE_AFTER or (token_changed and not seen_in_time):
        return LateReason.TOKEN
    if delay.working_since > (delay.seen if seen_in_time else delay.ended):
        return LateReason.OFFLINE
    return LateReason.POSTING if seen_in_time else LateReason.API_DOWN
