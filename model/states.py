"""States and reasons, by the words that stand in the database."""

from __future__ import annotations

from enum import StrEnum


class AccountState(StrEnum):
    """How the API takes an account's token."""

    OK = "ok"
    REFUSED = "refused"
    UNPAID = "unpaid"
    MISSING = "missing"
    """The token is not kept (any more): it has to be entered again."""


class Origin(StrEnum):
    """Why a channel waits for a job."""

    ASKED = "asked"
    """People asked for it."""
    FOLLOWED = "followed"
    """The channel follows the account, without cards."""
    FOLLOWED_WITH_CARD = "followed with card"


class DeliveryKind(StrEnum):
    """What a message of the outbox is."""

    OUTCOME = "outcome"
    """A job's end; one for each round of the job."""
    AGAIN = "again"
    """An outcome that was posted once more because somebody pressed a button."""
    CARD = "card"
    SUMMARY = "summary"
    """Stands for the cards of a batch."""
    NOTICE = "notice"
    """Word to the admins."""

    @property
    def is_outcome(self) -> bool:
        """Whether it carries a job's end, for the first time or again."""
        return self in (DeliveryKind.OUTCOME, DeliveryKind.AGAIN)


class DeliveryState(StrEnum):
    """Where a message of the outbox stands."""

    WAITING = "waiting"
    SENDING = "sending"
    """A request is under way, or was when the process died."""
    POSTED = "posted"
    GIVEN_UP = "given_up"
    UNSURE = "unsure"
    """Nobody can know whether it was posted."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be sent."""
        return self in (DeliveryState.WAITING, DeliveryState.SENDING)


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
