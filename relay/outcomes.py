"""The words in which the relay says how a job ended, what became of a message, and why a video came as a link."""

from __future__ import annotations

from enum import StrEnum

from pixverse.job import JobState


class Outcome(StrEnum):
    """How a job ended; the value stands in the outcome's small print."""

    COMPLETED = "completed"
    MODERATED = "moderated"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_FOUND = "not found"
    GIVEN_UP = "given up"


def outcome_of_state(state: JobState) -> Outcome | None:
    """The outcome that a job's own state means, or None while it goes on."""
    return Outcome(state.value) if state.ends else None


class LinkReason(StrEnum):
    """Why a video is not attached."""

    TOO_LARGE = "too large"
    """For this server (413), or for the bot's own bound; `VideoLink.limit` says which size would have gone."""
    MAY_NOT_ATTACH = "may not attach"
    EXPIRED = "expired"
    """Its host says so, and by the host's own clock the link has run out."""
    NOT_THERE = "not there"
    """Its host says that there is no such file."""
    HOST_NOT_ALLOWED = "host not allowed"
    NOT_A_VIDEO = "not a video"
    FETCH_FAILED = "fetch failed"
    TOO_MANY = "too many"
    """A message takes ten files."""
    UPLOADS_LIMITED = "uploads limited"
    """Discord limits file uploads in the whole server (400001)."""
    FILE_REFUSED = "file refused"
    """Discord takes the message without the file only."""


class Cause(StrEnum):
    """Why Discord refused a message for what it holds, which has nothing to do with the place's permissions."""

    UPLOADS_LIMITED = "uploads limited"
    FILE = "file"
    EXPLICIT = "explicit"
    WORDS = "words"
    LINKS = "links"
    UNKNOWN = "unknown"
    """A code that this version does not know, or one that fits no other cause."""


class Obstacle(StrEnum):
    """What keeps the bot from posting that no permission in the channel's settings mends. Stands among the names of
    missing permissions."""

    TIMED_OUT = "timed out"
    """A moderator has timed the bot out."""
    LOCKED = "locked"
    """The thread is locked."""
    NOT_IN_THREAD = "not in thread"
    """A private thread of which the bot is no member."""


class LateReason(StrEnum):
    """Why an outcome came more than ten minutes after the job's end."""

    OFFLINE = "offline"
    NO_ACCESS = "no access"
    TOKEN = "token"
    API_DOWN = "api down"


class Face(StrEnum):
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
