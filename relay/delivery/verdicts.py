"""Pure functions that decide what Discord's refusals mean, and what follows from its response to a message.

The codes are from the Discord developer docs, "Opcodes and Status Codes", JSON error codes. The code decides, whatever
the HTTP status (except 401). A code that is not in the table counts as a refusal of the message's content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from model.messages import Cause, NoResponse, Posted, Refused, SendResult, TooManyRequests, VideoFile
from model.states import Reason
from relay.delivery.fallbacks import Variant

SECOND = 1000
MINUTE = 60 * SECOND
BLOCKED_FOR_AT_MOST = 3 * 24 * 60 * MINUTE
"""Milliseconds for which a message waits for a permission before it is given up."""

LONGEST_RETRY = 5 * MINUTE
"""Longest wait between two attempts while there is no response, in milliseconds."""
LONGEST_WAIT = 60 * MINUTE
"""Longest time for which a delivery is deferred, in milliseconds."""
_LONGEST_BLOCKED = 30 * MINUTE


class Meaning(Enum):
    """What Discord refuses, or why."""

    TOKEN = auto()
    """The bot's own token."""
    WAIT = auto()
    """A temporary refusal: the same request is worth another try later."""
    SLOW_MODE = auto()
    SWITCHED_OFF = auto()
    """Discord accepts no such request from anybody for a while."""
    PLACE = auto()
    """The bot's access to the channel, or the channel's state, which people can fix in Discord."""
    CHANNEL_GONE = auto()
    """The channel does not exist, or the bot cannot see it."""
    MESSAGE_GONE = auto()
    """The message to edit, or the message that was posted under the same nonce, was deleted."""
    NOT_OURS = auto()
    """The bot can never edit this message."""
    TOO_MANY_EDITS = auto()
    ARCHIVED = auto()
    """The thread is archived: a new message opens it, unless it is locked; an edit does not."""
    REPLY = auto()
    """The message may not be a reply."""
    TOO_LARGE = auto()
    """The files are too large."""
    UPLOADS_LIMITED = auto()
    """The message may have no files, because uploads are limited in the whole server."""
    FILE = auto()
    EXPLICIT = auto()
    WORDS = auto()
    LINKS = auto()
    FORM = auto()
    """Some field of the message is invalid."""
    UNKNOWN = auto()
    """A code that this version does not know."""


_CODES: dict[Meaning, frozenset[int]] = {
    Meaning.TOKEN: frozenset({40001, 50014}),
    Meaning.CHANNEL_GONE: frozenset({10003, 10004}),
    Meaning.MESSAGE_GONE: frozenset({10008}),
    Meaning.NOT_OURS: frozenset({50005, 50021, 50162}),
    Meaning.TOO_MANY_EDITS: frozenset({20022, 30046}),
    Meaning.ARCHIVED: frozenset({50083}),
    Meaning.SLOW_MODE: frozenset({20016}),
    # Write rate limits of a channel or server, of Discord's own services, and of its web server.
    Meaning.WAIT: frozenset({20028, 20029, 31001, 31002, 40062, 40333}),
    Meaning.SWITCHED_OFF: frozenset({40004, 40006, 110001, 130000}),
    # No access or permission, a channel without messages, a verification level, a locked thread, too many threads,
    # two-factor authentication or a verified account required, a server that is blocked in this region, a banned bot.
    Meaning.PLACE: frozenset(
        {
            20012,
            30033,
            40002,
            40007,
            40058,
            50001,
            50004,
            50007,
            50008,
            50009,
            50013,
            50024,
            50095,
            50178,
            60003,
            160005,
            160006,
            160007,
        }
    ),
    Meaning.REPLY: frozenset({160002, 160009, 160010}),
    Meaning.TOO_LARGE: frozenset({40005, 50045}),
    Meaning.UPLOADS_LIMITED: frozenset({400001}),
    Meaning.FILE: frozenset({30015, 50046, 50110, 50123, 50124, 50138, 50146, 50192}),
    Meaning.EXPLICIT: frozenset({20009}),
    Meaning.WORDS: frozenset({20031, 200000, 200001}),
    Meaning.LINKS: frozenset({240000}),
    Meaning.FORM: frozenset({10014, 50006, 50035, 50068, 50081, 50109, 50600}),
}
_MEANINGS = {code: meaning for meaning, codes in _CODES.items() for code in codes}
_MAY_BE_STORED = (408, 425)
"""HTTP statuses despite which Discord may have stored the message."""
_WITHOUT_CODE = {403: Meaning.PLACE, 404: Meaning.CHANNEL_GONE, 413: Meaning.TOO_LARGE} | dict.fromkeys(
    _MAY_BE_STORED, Meaning.WAIT
)
_MISSING_PERMISSIONS = 50013
_INVALID_FORM = 50035
_BLAMED = re.compile(r"^In ([a-z_]+)", re.MULTILINE)
"""A field of the message, as discord.py words the error tree that Discord sends."""
_FIELDS = {"attachments": Meaning.FILE, "files": Meaning.FILE, "message_reference": Meaning.REPLY}

_CAUSES = {
    Meaning.UPLOADS_LIMITED: Cause.UPLOADS_LIMITED,
    Meaning.FILE: Cause.FILE,
    Meaning.TOO_LARGE: Cause.FILE,
    Meaning.EXPLICIT: Cause.EXPLICIT,
    Meaning.WORDS: Cause.WORDS,
    Meaning.LINKS: Cause.LINKS,
}
_FOR_ITS_WORDS = frozenset({Meaning.WORDS, Meaning.LINKS, Meaning.FORM, Meaning.REPLY})
"""Refusals after which the API's texts are left out first. After other refusals, the files are."""
CONTENT = _FOR_ITS_WORDS | {Meaning.EXPLICIT, Meaning.UNKNOWN}
"""Refusals of a message without files that may be due to the API's texts."""
_WAITS = {
    Meaning.WAIT: Reason.RATE_LIMITED,
    Meaning.TOO_MANY_EDITS: Reason.RATE_LIMITED,
    Meaning.SLOW_MODE: Reason.SLOW_MODE,
    Meaning.SWITCHED_OFF: Reason.SWITCHED_OFF,
}
_TRIES_UNEXPLAINED = 3
"""How often a message with files is tried if Discord reports a missing permission that the gateway does not know of.
Such a refusal may be temporary (discord-api-docs#6847), and should not cost the files."""


def meaning_of(refused: Refused) -> Meaning:
    """What a refusal means."""
    if refused.status == 401:
        return Meaning.TOKEN
    if refused.code == _INVALID_FORM:
        blamed = {_FIELDS.get(field, Meaning.FORM) for field in _BLAMED.findall(refused.text)}
        return blamed.pop() if len(blamed) == 1 else Meaning.FORM
    if refused.code:
        return _MEANINGS.get(refused.code, Meaning.UNKNOWN)
    return _WITHOUT_CODE.get(refused.status, Meaning.UNKNOWN)


def cause_of(refused: Refused) -> Cause:
    """Why Discord refuses the content of a message."""
    return _CAUSES.get(meaning_of(refused), Cause.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent, and under which circumstances."""

    variant: Variant
    files: Sequence[VideoFile]
    is_reply: bool
    attempts: int
    """How often the message was sent, including this time."""
    blocked_since: int | None
    missing: Sequence[str] | None
    """Permissions that are known to be missing; None if nothing is known."""
    now: int
    unexplained: int = 0
    """How often Discord has already reported a missing permission that the gateway does not know of."""


@dataclass(frozen=True, slots=True)
class Done:
    """The message is in the channel, or was posted and then deleted (no message id)."""

    message_id: int | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """The same message is to be sent again with the same nonce."""

    after: int
    """Milliseconds."""
    answered: bool
    """Whether it is certain that Discord stored nothing from this attempt."""
    reason: Reason


@dataclass(frozen=True, slots=True)
class Blocked:
    """A permission or the channel is missing; the message is to be tried again."""

    after: int
    """Milliseconds."""
    since: int
    reason: Reason
    variant: Variant | None = None
    """The form for the next try, if it changes."""
    missing: tuple[str, ...] = ()
    """The permissions that are known to be missing."""


@dataclass(frozen=True, slots=True)
class Change:
    """The message is to be sent at once in another form."""

    variant: Variant
    too_large: int | None = None
    """The size in bytes of the single file that was too large for the server, if that is why."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The message is not sent any more."""

    reason: Reason
    cause: Cause | None = None
    """If the reason is REFUSED: why Discord refused the last form."""


@dataclass(frozen=True, slots=True)
class StopSending:
    """Discord refuses the bot's token: nothing is sent any more."""


@dataclass(frozen=True, slots=True)
class Unsure:
    """Nobody can know whether the message was posted, so it is not sent again unless an admin asks for it."""


Verdict = Done | Again | Blocked | Change | GiveUp | StopSending | Unsure


def judge(result: SendResult, attempt: Attempt) -> Verdict:
    """The verdict that follows from Discord's response to an attempt."""
    match result:
        case Posted(message_id):
            return Done(message_id)
        case TooManyRequests(retry_after):
            return rate_limited(retry_after)
        case NoResponse():
            return Again(retry_delay(attempt.attempts), answered=False, reason=Reason.NO_ANSWER)
        case Refused():
            return _judge_refusal(result, attempt)


def rate_limited(retry_after: float) -> Again:
    """Waits as long as Discord asks, but at least a second and at most an hour."""
    wait = min(max(int(retry_after * SECOND), SECOND), LONGEST_WAIT)
    return Again(wait, answered=True, reason=Reason.RATE_LIMITED)


def retry_delay(attempts: int) -> int:
    """Milliseconds until the next attempt after `attempts` unanswered ones: doubles each time, up to five minutes."""
    return min(SECOND << min(attempts, 12), LONGEST_RETRY)


def after_faults(variant: Variant) -> Change | GiveUp:
    """The verdict if faults of the bot itself keep a message from being sent: try its plainest form, then give up."""
    plainest = replace(variant, without_api_text=True, no_files=True)
    return GiveUp(Reason.FAULT) if variant == plainest else Change(plainest)


def blocked(attempt: Attempt, reason: Reason) -> Blocked | GiveUp:
    """Waits for a permission: a minute at first, later half as long as the message has waited, up to half an hour."""
    since = attempt.now if attempt.blocked_since is None else attempt.blocked_since
    waited = max(0, attempt.now - since)
    if waited >= BLOCKED_FOR_AT_MOST:
        return GiveUp(reason)
    wait = min(max(MINUTE, waited // 2), _LONGEST_BLOCKED, BLOCKED_FOR_AT_MOST - waited)
    return Blocked(wait, since, reason, missing=tuple(attempt.missing or ()))


def _judge_refusal(refused: Refused, attempt: Attempt) -> Verdict:
    meaning = meaning_of(refused)
    if meaning is Meaning.TOKEN:
        return StopSending()
    if meaning is Meaning.MESSAGE_GONE:
        # Discord knew the nonce, but the message that carried it has been deleted since.
        return Done(None, Reason.DELETED)
    if refused.status in _MAY_BE_STORED:
        return Again(retry_delay(attempt.attempts), answered=False, reason=Reason.NO_ANSWER)
    if meaning in _WAITS:
        return Again(retry_delay(attempt.attempts), answered=True, reason=_WAITS[meaning])
    return _judge_form(meaning, refused, attempt)


def _judge_form(meaning: Meaning, refused: Refused, attempt: Attempt) -> Verdict:
    """Judges a refusal that will recur unless the message or the channel changes."""
    if meaning is Meaning.REPLY and attempt.is_reply:
        return Change(replace(attempt.variant, no_reply=True))
    if meaning is Meaning.CHANNEL_GONE:
        return _closed(attempt, Reason.UNKNOWN_CHANNEL)
    if meaning is Meaning.PLACE and refused.code == _MISSING_PERMISSIONS and attempt.files and not attempt.missing:
        return _unexplained(attempt)
    if meaning in (Meaning.PLACE, Meaning.ARCHIVED):
        return _closed(attempt, Reason.NO_PERMISSION)
    if meaning is Meaning.TOO_LARGE and attempt.files:
        return _too_large(attempt)
    return _next_form(attempt, cause_of(refused), files_first=meaning not in _FOR_ITS_WORDS)


def _too_large(attempt: Attempt) -> Verdict:
    largest = max(attempt.files, key=lambda file: file.size)
    # With several files, their sum may be too large, so only a single file shows the server's limit.
    single = len(attempt.files) == 1
    return Change(attempt.variant.with_link(largest.index), too_large=largest.size if single else None)


def _unexplained(attempt: Attempt) -> Verdict:
    """Judges a missing permission that the gateway does not know of: tries again a few times, then leaves out the
    files."""
    tries = attempt.unexplained + 1
    if tries < _TRIES_UNEXPLAINED:
        return Again(retry_delay(tries) // 2, answered=True, reason=Reason.NO_PERMISSION)
    why = None if attempt.missing is None else Cause.FILE
    return Change(replace(attempt.variant, no_files=True, why=why))


def _closed(attempt: Attempt, reason: Reason) -> Blocked | GiveUp:
    """Waits for access to the channel. Then the whole message is tried again, because its content was not refused."""
    verdict = blocked(attempt, reason)
    if isinstance(verdict, GiveUp) or not attempt.variant.is_reduced:
        return verdict
    return replace(verdict, variant=attempt.variant.whole())


def _next_form(attempt: Attempt, cause: Cause, *, files_first: bool) -> Verdict:
    """The next form of a message whose content was refused: without its files or without the API's texts, at last
    without both. Files come back when the texts are left out, unless uploads are known to be limited."""
    variant = attempt.variant
    if variant.without_api_text:
        if not attempt.files:
            return GiveUp(Reason.REFUSED, cause)
        return Change(replace(variant, no_files=True, why=cause))
    if attempt.files and files_first:
        return Change(replace(variant, no_files=True, why=cause))
    if variant.why is Cause.UPLOADS_LIMITED:
        return Change(replace(variant, without_api_text=True))
    return Change(replace(variant, without_api_text=True, no_files=False, why=cause))
