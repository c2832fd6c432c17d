"""What the relay and Discord's side hand to each other: messages to post, and the results of posting them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.job import Job, Outcome
from model.states import CardStatus, NoticeKind, Reason

# ---- reasons --------------------------------------------------------------------------------------------------------


class LinkReason(StrEnum):
    """Why a video is posted as a link and not as a file."""

    TOO_LARGE = "too large"
    """For this server (413) or for the bot's own limit; see `VideoLink.limit`."""
    MAY_NOT_ATTACH = "may not attach"
    EXPIRED = "expired"
    """The host refuses the link, and by the host's clock it has expired."""
    NOT_THERE = "not there"
    """The host says that there is no such file."""
    HOST_NOT_ALLOWED = "host not allowed"
    NOT_A_VIDEO = "not a video"
    FETCH_FAILED = "fetch failed"
    TOO_MANY = "too many"
    """A message takes ten files."""
    UPLOADS_LIMITED = "uploads limited"
    """Discord limits file uploads in the whole server (400001)."""
    FILE_REFUSED = "file refused"
    """Discord accepted the message only without the file."""


class Cause(StrEnum):
    """Why Discord refused a message because of its content, and not for lack of permissions."""

    UPLOADS_LIMITED = "uploads limited"
    FILE = "file"
    EXPLICIT = "explicit"
    WORDS = "words"
    LINKS = "links"
    UNKNOWN = "unknown"
    """An error code that this version does not know, or that fits no other cause."""


class Obstacle(StrEnum):
    """What keeps the bot from posting and can't be fixed in the channel's permissions. Its values appear among the
    names of missing permissions."""

    TIMED_OUT = "timed out"
    """A moderator has timed the bot out."""
    LOCKED = "locked"
    """The thread is locked."""
    NOT_IN_THREAD = "not in thread"
    """The thread is private, and the bot is not a member."""


class LateReason(StrEnum):
    """Why an outcome was posted more than ten minutes after the job's end."""

    OFFLINE = "offline"
    NO_ACCESS = "no access"
    TOKEN = "token"
    API_DOWN = "api down"
    POSTING = "posting"
    """The bot ran and saw the end in time, but Discord did not accept the result, or its files took long to arrive."""


# ---- what is posted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes. The channel id of a thread is the thread's own id."""

    guild_id: int
    channel_id: int


@dataclass(frozen=True, slots=True)
class ClaimedUser:
    """The useapi.net user that a token's text claims, and whether the API has confirmed that claim."""

    number: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class VideoFile:
    """A downloaded video. `index` counts from 1, in the API's order."""

    index: int
    path: Path
    extension: str
    """With its dot: `.mp4`."""
    size: int


@dataclass(frozen=True, slots=True)
class VideoLink:
    """A video that is posted as a link, and why."""

    index: int
    url: str
    reason: LinkReason
    size: int | None = None
    """Bytes, if known."""
    limit: int | None = None
    """TOO_LARGE: the largest size that would have been accepted, in bytes."""
    expires_at: int | None = None
    """Milliseconds UTC, if the address says so."""
    host: str | None = None
    content_type: str | None = None
    tries: int = 0
    may_pass: bool = False
    """FETCH_FAILED: whether the host took no connection, or answered with an error of its own that may soon be over."""


@dataclass(frozen=True, slots=True)
class BatchTally:
    """What the last outcome of a batch says about the whole batch."""

    total: int
    """Jobs."""
    videos: int
    """Videos that are posted as files."""
    images: int
    """Images that are posted as files."""
    links: int
    """Videos and images that are posted as links."""
    failed: int
    """Jobs that failed."""
    refused: int
    """Jobs that were refused for their content."""
    other: int
    """Jobs that ended without a result for another reason."""
    mention: tuple[int, ...]
    """The people who asked for the batch and want to be pinged."""


@dataclass(frozen=True, slots=True)
class OutcomePost:
    """The message at a job's end."""

    number: int
    """The job's local number."""
    jobid: str
    outcome: Outcome
    job: Job | None
    """The last response about the job; None if there never was one."""
    nonce: str
    button_nonce: str
    """The nonce in the custom id of *Details*, by which the message is found again."""
    files: tuple[VideoFile, ...] = ()
    links: tuple[VideoLink, ...] = ()
    mention: tuple[int, ...] = ()
    silent: bool = False
    spoiler: bool = False
    reply_to: int | None = None
    without_api_text: bool = False
    """The fallback without the API's words."""
    batch: BatchTally | None = None
    """Only in the last outcome of a batch."""
    late: LateReason | None = None
    ended_at: int | None = None
    """Milliseconds UTC: the end according to the API, or else when the bot saw it."""
    clock_ahead: int = 0
    """By how many milliseconds this machine's clock, by which the bot saw the job end, is ahead of Discord's."""
    watched_for: int | None = None
    """GIVEN_UP: for how long the job was watched, in milliseconds."""
    unasked: bool = False
    """It is posted because the channel follows the account; nobody asked for the job."""
    language: str = ""
    """As in every post: Discord's code of the message's language, whoever triggered it; empty: English."""


@dataclass(frozen=True, slots=True)
class CardPost:
    """A card as it should look now."""

    subscription_id: int
    number: int
    status: CardStatus
    job: Job | None
    nonce: str
    asker: int | None
    since: int | None = None
    """API_DOWN: since when, in milliseconds UTC."""
    until: int | None = None
    """Milliseconds UTC. SLOW: when the job is given up. CANNOT_POST: until when the result is kept."""
    missing: tuple[str, ...] = ()
    """CANNOT_POST: names of missing permissions as Discord shows them, and values of `Obstacle`."""
    outcome: Outcome | None = None
    """ENDED: how."""
    has_video: bool = True
    outcome_message: int | None = None
    stopped_by: int | None = None
    without_api_text: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class SummaryEntry:
    """One job of a batch."""

    number: int
    status: CardStatus
    job: Job | None
    outcome: Outcome | None
    outcome_message: int | None


@dataclass(frozen=True, slots=True)
class SummaryPost:
    """The message in place of the cards of a batch."""

    batch_id: int
    asker: int | None
    mention: bool
    entries: tuple[SummaryEntry, ...]
    nonce: str
    done: int
    """Jobs that have ended."""
    open: bool
    """Whether a job is still watched."""
    language: str = ""
    stopped: int = 0
    """Jobs that somebody stopped watching."""
    without_api_text: bool = False


@dataclass(frozen=True, slots=True)
class NoticePost:
    """A message to the admins."""

    kind: NoticeKind
    nonce: str
    mention: tuple[int, ...] = ()
    jobs: int = 0
    channel_id: int | None = None
    """The channel that the notice is about, if it is posted in another one."""
    channel_name: str | None = None
    missing: tuple[str, ...] = ()
    until: int | None = None
    """Milliseconds UTC."""
    waited: int | None = None
    """Milliseconds."""
    interval: int | None = None
    """Milliseconds between two trials of a token that does not work."""
    limit: int | None = None
    """NO_ROOM: how many jobs the server may watch."""
    followed: bool = False
    """CHANNEL_GONE: the channel followed the server's account."""
    cause: Cause | None = None
    """REDUCED and REFUSED: why Discord refused."""
    without_files: bool = False
    """REDUCED: the outcome was posted with links instead of files; if False, without the API's words."""
    ends: int | None = None
    """The delivery of the alert that this notice replaces."""
    alert: NoticeKind | None = None
    """The kind of that alert."""
    lasted: int | None = None
    """Milliseconds from that alert until the problem ended, at `until`."""
    replaced: bool = False
    """TOKEN_REMOVED: the operator has set a token of another account instead."""
    tally: BatchTally | None = None
    """BATCH_ENDED: what became of the batch."""
    language: str = ""


Post = OutcomePost | CardPost | SummaryPost | NoticePost


# ---- results of posting ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Posted:
    """Discord has stored the message, now or before, or accepted the edit."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Discord refused the request; it stored nothing."""

    status: int
    code: int
    """Discord's JSON error code; 0 if there is none."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class TooManyRequests:
    """Discord asks to wait; the request stored nothing."""

    retry_after: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class NoResponse:
    """5xx, a broken connection or a time-out: the message may have been stored or not."""


SendResult = Posted | Refused | TooManyRequests | NoResponse


@dataclass(frozen=True, slots=True)
class Found:
    """The message is in the channel."""

    message_id: int


@dataclass(frozen=True, slots=True)
class Absent:
    """The channel's history was read far enough, and the message is not there."""


@dataclass(frozen=True, slots=True)
class HistoryUnreadable:
    """The bot may not read the history, or it is too long to be read: nobody can know."""

    closed: Reason | None = None
    """NO_PERMISSION or UNKNOWN_CHANNEL if Discord refuses the bot the whole channel, so that nothing can be posted
    there either; None if it may be possible to post."""


@dataclass(frozen=True, slots=True)
class ServerNotReported:
    """The history is unreadable, but the gateway has not reported the server yet, so the bot may soon read it."""


HistorySearchFailure = HistoryUnreadable | NoResponse | ServerNotReported | TooManyRequests
HistorySearchResult = Found | Absent | HistorySearchFailure
