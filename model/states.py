"""States and reasons, by the words that stand in the database."""

from __future__ import annotations

from enum import StrEnum


class AccountState(StrEnum):
    """The values stand in the database."""

    OK = "ok"
    REFUSED = "refused"
    UNPAID = "unpaid"
    MISSING = "missing"
    """The token is not kept (any more): it has to be entered again."""


class CardStatus(StrEnum):
    """What a card says: one value for each row of its table of texts."""

    NO_ANSWER_YET = "no answer yet"
    CREATED = "created"
    STARTED = "started"
    PROGRESS = "progress"
    UNKNOWN = "unknown"
    SLOW = "slow"
    API_DOWN = "api down"
    TOKEN_REFUSED = "token refused"
    UNPAID = "unpaid"
    TOKEN_MISSING = "token missing"
    """The token has to be entered again."""
    OTHER_ACCOUNT = "other account"
    PAUSED = "paused"
    FETCHING = "fetching"
    CANNOT_POST = "cannot post"
    NOT_POSTED = "not posted"
    UNSURE = "unsure"
    """Nobody can know whether the outcome was posted."""
    ENDED = "ended"
    STOPPED = "stopped"


class NoticeKind(StrEnum):
    """What admins are told of their own accord."""

    TOKEN_REFUSED = "token refused"
    UNPAID = "unpaid"
    TOKEN_MISSING = "token missing"
    FLOWING_AGAIN = "flowing again"
    FIXED = "fixed"
    """Takes the place of an alert about the token, once the token works."""
    TOKEN_REMOVED = "token removed"
    """Takes the place of an alert about a token that was removed."""
    CANNOT_POST = "cannot post"
    GIVEN_UP = "given up"
    REFUSED = "refused"
    """Discord took an outcome in no form."""
    REDUCED = "reduced"
    """Discord took an outcome in a lesser form only."""
    POSTING_AGAIN = "posting again"
    """What CANNOT_POST told is over."""
    CHANNEL_GONE = "channel gone"
    NO_ROOM = "no room"
    """A followed account has more jobs in work than the server may wait for."""


class Reason(StrEnum):
    """What became of a message that was not simply posted, or why it still waits."""

    DELETED = "deleted"
    """Posted, and deleted in Discord since."""
    NO_PERMISSION = "no permission"
    UNKNOWN_CHANNEL = "unknown channel"
    CHANNEL_GONE = "channel gone"
    REFUSED = "refused"
    """Discord took it in no form."""
    FAULT = "fault"
    """The bot failed on it in every form, by a fault of its own."""
    NOT_WANTED = "not wanted"
    """What it would have told was overtaken."""
    CANNOT_LOOK = "cannot look"
    """Nobody can know whether it was posted."""
    NO_ANSWER = "no answer"
    NOT_THERE = "not there"
    """A host has no file under one of its links yet."""
    RATE_LIMITED = "rate limited"
    SLOW_MODE = "slow mode"
    SWITCHED_OFF = "switched off"
    """Discord takes no messages there for a while, or is overloaded."""
    BOT_REFUSED = "bot refused"
    """Discord refuses the bot's own token."""
