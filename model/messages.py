"""The plain values that the relay and whoever posts to Discord exchange: messages, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.job import Job, Outcome
from model.states import CardStatus, NoticeKind

# ---- why it is as it is ---------------------------------------------------------------------------------------------


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


# ---- what is posted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes. A thread's channel id is the thread's own."""

    guild_id: int
    channel_id: int


@dataclass(frozen=True, slots=True)
class ClaimedUser:
    """The useapi.net user that a token's text claims; whether the API has named that user itself."""

    number: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A fetched video; `index` counts from 1 in the API's order."""

    index: int
    path: Path
    extension: str
    """With its dot: `.mp4`."""
    size: int


@dataclass(frozen=True, slots=True)
class VideoLink:
    """A video that is not attached, and why."""

    index: int
    url: str
    reason: LinkReason
    size: int | None = None
    """Bytes, where known."""
    limit: int | None = None
    """Bytes that would have been taken, for TOO_LARGE."""
    expires_at: int | None = None
    """Milliseconds UTC, where the address tells it."""
    host: str | None = None
    content_type: str | None = None
    tries: int = 0


@dataclass(frozen=True, slots=True)
class BatchTally:
    """What the last outcome of a batch says of the whole batch."""

    total: int
    """Jobs."""
    videos: int
    """Files that are posted as such."""
    images: int
    links: int
    """Videos and images that are posted as links."""
    failed: int
    """Jobs, as those of the next two."""
    refused: int
    other: int
    """Those that ended without a result."""
    mention: tuple[int, ...]
    """Those who asked for the batch and want to be pinged."""


@dataclass(frozen=True, slots=True)
class OutcomePost:
    """The one message at a job's end."""

    number: int
    """The job's local number."""
    jobid: str
    outcome: Outcome
    job: Job | None
    """The last answer; None where the API never gave one."""
    nonce: str
    button_nonce: str
    """Stands in the custom id of `Details`, by which the message is found again."""
    files: tuple[VideoFile, ...] = ()
    links: tuple[VideoLink, ...] = ()
    mention: tuple[int, ...] = ()
    silent: bool = False
    spoiler: bool = False
    reply_to: int | None = None
    without_api_text: bool = False
    """The fallback that holds no word of the API."""
    batch: BatchTally | None = None
    """Set for the last outcome of a batch."""
    late: LateReason | None = None
    ended_at: int | None = None
    """Milliseconds UTC, as the API tells it, else as the bot saw it."""
    watched_for: int | None = None
    """Milliseconds; for GIVEN_UP."""
    unasked: bool = False
    """It comes by a follow, and nobody asked for it."""


@dataclass(frozen=True, slots=True)
class CardPost:
    """A card, as it is to look now."""

    subscription_id: int
    number: int
    jobid: str
    status: CardStatus
    job: Job | None
    nonce: str
    asker: int | None
    since: int | None = None
    """API_DOWN: since when, milliseconds UTC."""
    until: int | None = None
    """SLOW: given up then. CANNOT_POST: the result is held until then."""
    missing: tuple[str, ...] = ()
    """CANNOT_POST: names of permissions as Discord shows them, and words of `Obstacle`."""
    outcome: Outcome | None = None
    """ENDED."""
    has_video: bool = True
    outcome_message: int | None = None
    stopped_by: int | None = None
    changed_at: int | None = None
    """When the bot last saw something new, milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class SummaryEntry:
    """One job of a batch."""

    number: int
    jobid: str
    status: CardStatus
    job: Job | None
    outcome: Outcome | None
    outcome_message: int | None


@dataclass(frozen=True, slots=True)
class SummaryPost:
    """The one message that stands for the cards of a batch."""

    batch_id: int
    asker: int | None
    mention: bool
    entries: tuple[SummaryEntry, ...]
    nonce: str
    done: int
    open: bool
    """Whether there is still something to stop."""


@dataclass(frozen=True, slots=True)
class NoticePost:
    """Word to the admins."""

    kind: NoticeKind
    nonce: str
    mention: tuple[int, ...] = ()
    jobs: int = 0
    channel_id: int | None = None
    """The channel spoken of, where it is another one than the one spoken in."""
    channel_name: str | None = None
    missing: tuple[str, ...] = ()
    until: int | None = None
    """Milliseconds UTC."""
    waited: int | None = None
    """Milliseconds."""
    interval: int | None = None
    """Milliseconds between two looks at a token in trouble."""
    limit: int | None = None
    """NO_ROOM: for how many jobs the server may wait."""
    followed: bool = False
    """CHANNEL_GONE: the server's account was relayed there."""
    cause: Cause | None = None
    """REDUCED and REFUSED: why Discord refused."""
    without_files: bool = False
    """REDUCED: it was posted with links in the place of its files; else without the API's words."""
    ends: int | None = None
    """The delivery of the alert whose message this text replaces."""
    alert: NoticeKind | None = None
    """What that alert said."""
    lasted: int | None = None
    """Milliseconds from that alert to the end of the trouble, at `until`."""


Post = OutcomePost | CardPost | SummaryPost | NoticePost


# ---- what became of it ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """Discord stored (or had already stored) the message, or took the edit."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Discord answered with a refusal; nothing was stored by this request."""

    status: int
    code: int
    """Discord's JSON error code, 0 where there is none."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """Discord wants to be left alone for a while; nothing was stored by this request."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class NoResponse:
    """5xx, a broken connection, a time-out: the message may or may not have been stored."""

    reason: str


SendResult = Posted | Refused | TooManyRequests | NoResponse


@dataclass(frozen=True, slots=True)
class Found:
    """The message stands in the channel already."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The whole stretch of history was read and the message is not there."""


@dataclass(frozen=True, slots=True)
class CannotLook:
    """No right to read the history (or more of it than can be read): nobody can know."""


LookResult = Found | Absent | CannotLook | NoResponse | TooManyRequests
