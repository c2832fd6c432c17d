"""The outcome table: what follows from Discord's answer to a message. Pure, and the only place that reads its codes.

Codes: Discord developer docs, "Opcodes and Status Codes", JSON error codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from relay.messages import NoAnswer, Posted, RateLimited, Refused, SendResult, VideoFile
from relay.outcomes import Reason
from relay.posting.variants import Variant

SECOND = 1000
MINUTE = 60 * SECOND
PATIENCE = 3 * 24 * 60 * MINUTE
"""Milliseconds that a message waits for a permission."""

_UNKNOWN_CHANNEL = 10003
_UNKNOWN_MESSAGE = 10008
_TOO_LARGE = 40005
_MISSING_PERMISSIONS = 50013
_REPLY_NOT_ALLOWED = 160002
_CONTENT_BLOCKED = frozenset({200000, 200001, 20009})
_CHANNEL_CLOSED = frozenset({50001, 50013, 50024, 50083, 160005, 160006})
"""Without access, without permission, not a channel to write in, an archived or a locked thread, too many threads."""

LONGEST_RETRY = 5 * MINUTE
"""Milliseconds between two attempts at most, where nobody answers."""
_LONGEST_RETRY_AFTER = 60 * MINUTE
_LONGEST_BLOCKED = 30 * MINUTE


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent, and under which circumstances."""

    variant: Variant
    files: Sequence[VideoFile]
    is_outcome: bool
    is_reply: bool
    attempts: int
    """How often it was sent, this time included."""
    blocked_since: int | None
    missing: Sequence[str] | None
    """Permissions that are known to be missing; None where nothing is known."""
    now: int


@dataclass(frozen=True, slots=True)
class Done:
    """It stands in the channel, or stood there and was deleted (no message id)."""

    message_id: int | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The same message is to be sent again, under the same nonce."""

    after: int
    """Milliseconds."""
    answered: bool
    """Whether it is certain that this attempt stored nothing."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Blocked:
    """A permission or the channel is missing; to be tried again."""

    after: int
    """Milliseconds."""
    since: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Change:
    """The message is to be sent at once in another form."""

    variant: Variant
    too_large: int | None = None
    """The size of the single file that the server refused, in bytes."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It is not sent any more."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class StopSending:
    """Discord refuses the bot's token: nothing is sent any more."""


Verdict = Done | Again | Blocked | Change | GiveUp | StopSending


def judge(result: SendResult, attempt: Attempt) -> Verdict:
    """What follows from Discord's answer to this attempt."""
    match result:
        case Posted(message_id):
            return Done(message_id)
        case RateLimited(retry_after):
            return rate_limited(retry_after)
        case NoAnswer():
            return Again(retry_delay(attempt.attempts), answered=False, reason=Reason.NO_ANSWER)
        case Refused():
            return _judge_refusal(result, attempt)


def rate_limited(retry_after: float) -> Again:
    """Waits as long as Discord wants, between a second and an hour."""
    wait = min(max(int(retry_after * SECOND), SECOND), _LONGEST_RETRY_AFTER)
    return Again(wait, answered=True, reason=Reason.RATE_LIMITED)


def retry_delay(attempts: int) -> int:
    """Milliseconds until the next attempt after so many that nobody answered: doubling, at most five minutes."""
    return min(SECOND << min(attempts, 12), LONGEST_RETRY)


def after_faults(variant: Variant, *, is_outcome: bool) -> Change | GiveUp:
    """What follows where faults of our own keep a message from being sent: its plainest form, then nothing."""
    plainest = replace(variant, wordless=True, no_files=True)
    if not is_outcome or variant == plainest:
        return GiveUp(Reason.FAULT)
    return Change(plainest)


def blocked(attempt: Attempt, reason: Reason) -> Blocked | GiveUp:
    """Waits for a permission: at first a minute, later half the time that it has waited, at most half an hour."""
    since = attempt.now if attempt.blocked_since is None else attempt.blocked_since
    waited = max(0, attempt.now - since)
    if waited >= PATIENCE:
        return GiveUp(reason)
    return Blocked(min(max(MINUTE, waited // 2), _LONGEST_BLOCKED, PATIENCE - waited), since, reason)


def _judge_refusal(refused: Refused, attempt: Attempt) -> Verdict:
    if refused.status == 401:
        return StopSending()
    if refused.code == _UNKNOWN_MESSAGE:
        # The nonce was known, and the message that bore it has been deleted since.
        return Done(None, Reason.DELETED)
    if refused.status == 429:
        return rate_limited(0)
    if refused.status in (408, 425) or refused.status >= 500:
        return Again(retry_delay(attempt.attempts), answered=False, reason=Reason.NO_ANSWER)
    return _judge_form(refused, attempt)


def _judge_form(refused: Refused, attempt: Attempt) -> Verdict:
    """For a refusal that will be repeated as long as message and channel stay as they are."""
    if refused.code == _REPLY_NOT_ALLOWED and attempt.is_reply:
        return Change(replace(attempt.variant, no_reply=True))
    if refused.status == 413 or refused.code == _TOO_LARGE:
        return _too_large(attempt)
    if refused.code in _CONTENT_BLOCKED:
        return _less(attempt)
    if refused.status in (403, 404) or refused.code in _CHANNEL_CLOSED:
        return _closed(refused, attempt)
    return _less(attempt)


def _too_large(attempt: Attempt) -> Verdict:
    if not attempt.files:
        return _less(attempt)
    largest = max(attempt.files, key=lambda file: file.size)
    # With several files the refusal may mean their sum, so only a single one tells the server's limit.
    single = len(attempt.files) == 1
    return Change(attempt.variant.with_link(largest.index), too_large=largest.size if single else None)


def _closed(refused: Refused, attempt: Attempt) -> Verdict:
    explained = bool(attempt.missing)
    if refused.code == _MISSING_PERMISSIONS and attempt.files and not explained:
        return Change(replace(attempt.variant, no_files=True))
    unknown = refused.code == _UNKNOWN_CHANNEL or refused.status == 404
    return blocked(attempt, Reason.UNKNOWN_CHANNEL if unknown else Reason.NO_PERMISSION)


def _less(attempt: Attempt) -> Verdict:
    """First without the API's words, then without files, then not at all."""
    if not attempt.is_outcome:
        return GiveUp(Reason.REFUSED)
    if not attempt.variant.wordless:
        return Change(replace(attempt.variant, wordless=True))
    if attempt.files:
        return Change(replace(attempt.variant, no_files=True))
    return GiveUp(Reason.REFUSED)
