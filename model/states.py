"""States, kinds and reasons. Their values are what the database stores."""

from __future__ import annotations

from enum import StrEnum


class AccountState(StrEnum):
    """How the API responds to an account's token."""

    OK = "ok"
    REFUSED = "refused"
    UNPAID = "unpaid"
    MISSING = "missing"
    """The token is not stored: it has to be entered again."""


class Origin(StrEnum):
    """Why a channel waits for a job."""

    ASKED = "asked"
    """People asked for it."""
    FOLLOWED = "followed"
    """The channel follows the account, without cards."""
    FOLLOWED_WITH_CARD = "followed with card"


class DeliveryKind(StrEnum):
    """What kind of message a delivery is."""

    OUTCOME = "outcome"
    """A job's result; one for each round of the job."""
    AGAIN = "again"
    """An outcome that is posted once more because somebody pressed a button."""
    CARD = "card"
    SUMMARY = "summary"
    """One message in place of the cards of a batch."""
    NOTICE = "notice"
    """A message to the admins."""

    @property
    def is_outcome(self) -> bool:
        """Whether it carries a job's result, for the first time or again."""
        return self in (DeliveryKind.OUTCOME, DeliveryKind.AGAIN)

    @property
    def urgency(self) -> int:
        """The order in which kinds are sent, as in the column `urgency`: outcomes, notices, cards and summaries."""
        return 0 if self.is_outcome else 1 if self is DeliveryKind.NOTICE else 2


class DeliveryState(StrEnum):
    """How far a delivery has come."""

    WAITING = "waiting"
    SENDING = "sending"
    """A request to Discord is under way, or was when the process died."""
    POSTED = "posted"
    GIVEN_UP = "given_up"
    UNSURE = "unsure"
    """Nobody can know whether it was posted."""

    @property
    def is_open(self) -> bool:
        """Whether it may still be sent."""
        return self in (DeliveryState.WAITING, DeliveryState.SENDING)


class CardStatus(StrEnum):
    """What a card says: one value for each text."""

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
    """What the bot reports by itself, to admins unless stated otherwise."""

    TOKEN_REFUSED = "token refused"
    UNPAID = "unpaid"
    TOKEN_MISSING = "token missing"
    FLOWING_AGAIN = "flowing again"
    FIXED = "fixed"
    """Replaces an alert about the token once the token works."""
    TOKEN_REMOVED = "token removed"
    """Replaces an alert about a token that was removed."""
    CANNOT_POST = "cannot post"
    GIVEN_UP = "given up"
    REFUSED = "refused"
    """Discord refused every form of an outcome."""
    REDUCED = "reduced"
    """Discord accepted only a reduced form of an outcome."""
    POSTING_AGAIN = "posting again"
    """CANNOT_POST is over."""
    CHANNEL_GONE = "channel gone"
    BATCH_ENDED = "batch ended"
    """Tells the person who asked for a batch that it has ended, if its last job got no outcome."""
    NO_ROOM = "no room"
    """A followed account has more active jobs than the server may watch."""


class Reason(StrEnum):
    """Why a delivery waits or was given up, or that it was deleted after it was posted."""

    DELETED = "deleted"
    """It was posted, and has been deleted in Discord since."""
    NO_PERMISSION = "no permission"
    UNKNOWN_CHANNEL = "unknown channel"
    CHANNEL_GONE = "channel gone"
    REFUSED = "refused"
    """Discord refused every form of it."""
    FAULT = "fault"
    """The bot itself failed to send it in every form."""
    NOT_WANTED = "not wanted"
    """Something newer has made it pointless."""
    CANNOT_LOOK = "cannot look"
    """The history can't be searched, so nobody can know whether it was posted."""
    NO_ANSWER = "no answer"
    NOT_THERE = "not there"
    """A host has no file for one of its links yet."""
    RATE_LIMITED = "rate limited"
    SLOW_MODE = "slow mode"
    SWITCHED_OFF = "switched off"
    """Discord accepts no messages there for a while, or is overloaded."""
    BOT_REFUSED = "bot refused"
    """Discord refuses the bot's own token."""
