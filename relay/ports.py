"""What the relay needs from the outside: a clock, somebody who posts to Discord, and the plain values they exchange."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pixverse.job import Job
from relay.outcomes import Face, LateReason, LinkReason, NoticeKind, Outcome


class Clock(Protocol):
    """Time as the relay sees it."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC; it may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for nothing or less."""


# ---- what is posted -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes. A thread's channel id is the thread's own."""

    guild_id: int
    channel_id: int


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
    completed: int
    failed: int
    refused: int
    other: int
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
    wordless: bool = False
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
    face: Face
    job: Job | None
    nonce: str
    asker: int | None
    since: int | None = None
    """API_DOWN: since when, milliseconds UTC."""
    until: int | None = None
    """SLOW: given up then. CANNOT_POST: the result is held until then."""
    missing: tuple[str, ...] = ()
    """CANNOT_POST: names of permissions as Discord shows them."""
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
    face: Face
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
class RateLimited:
    """Discord wants to be left alone for a while; nothing was stored by this request."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """5xx, a broken connection, a time-out: the message may or may not have been stored."""

    reason: str


SendResult = Posted | Refused | RateLimited | NoAnswer


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


LookResult = Found | Absent | CannotLook | NoAnswer | RateLimited


class Poster(Protocol):
    """Posts to Discord, by id and never through the gateway's cache. Raises nothing but cancellation."""

    async def post(self, address: Address, post: Post) -> SendResult:
        """Sends a new message with `post.nonce` enforced."""

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost) -> SendResult:
        """Edits a message of ours in place."""

    async def find(self, address: Address, post: Post, after: int) -> LookResult:
        """Looks for this very message (by the nonce or number in its buttons; a notice by its text) in the history
        from `after` (milliseconds UTC) on."""

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        """The names of the permissions that are missing to post there, as far as the gateway's cache knows; None where
        it does not know the channel."""

    def may_attach(self, address: Address) -> bool:
        """False only where it is known that files may not be attached."""

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        """Bytes that Discord's published table gives this server, if it is known to the gateway."""


class Videos(Protocol):
    """A job's videos on this machine's disk."""

    def fetch(self, job_id: int, job: Job) -> AbstractAsyncContextManager[tuple[VideoFile | VideoLink, ...]]:
        """The videos in the API's order, fetched once for all who hold them at the same time; the files are there until
        the block ends. Raises OSError where the disk takes no file."""


# ---- how the rooms wake each other ----------------------------------------------------------------------------------


class Outbox(Protocol):
    """The deliveries, as the rest of the relay sees them."""

    def wake(self) -> None:
        """Something was put into the outbox, or may go out now."""


class PromptOutbox(Outbox, Protocol):
    """The deliveries, as somebody sees them who waits for one."""

    async def deliver_now(self, delivery_id: int) -> int | None:
        """Sends this one before others. The message's id; None where it is not posted within a short while: it then
        follows like any other."""


class JobWatch(Protocol):
    """The poller, as commands see it."""

    def job_changed(self, job_id: int) -> None:
        """A job is watched, is watched no more, has ended, or was asked about."""


class JobFinds(Protocol):
    """The poller, as whoever finds jobs sees it."""

    def jobs_found(self, job_ids: Collection[int]) -> None:
        """These are watched from now on, and nobody has asked the API about them yet."""


class JobTaker(Protocol):
    """The follows, as whoever hears of an account's jobs sees them."""

    async def take(self, account_id: int, jobids: Collection[str]) -> list[int]:
        """Relays jobs that the API itself has just named as this account's to every channel that follows the account.

        Returns the numbers of those that were not relayed anywhere before; they are asked about at once. Ids that are
        none of PixVerse, and jobs that have ended, were stopped there or are watched there already, change nothing.
        Raises sqlite3.Error as the database does.
        """


class Claims(Protocol):
    """The poller, as callbacks see it."""

    def end_claimed(self, job_id: int) -> None:
        """A callback claims that the job has ended: its record is looked at at once, within the schedule's bounds."""


class HintUse(StrEnum):
    """What became of a callback."""

    ASKED = "asked"
    """It claims the end of an open job: the API is asked."""
    PROGRESS = "progress"
    ENDED = "ended"
    """It is about a job that is known to have ended."""
    FOLLOWED = "followed"
    """It is about a job that was not known, of an account that is followed."""
    UNKNOWN = "unknown"
    """It is about a job that nobody waits for."""
    UNREADABLE = "unreadable"
    TOO_MANY = "too many"
    """More came than are taken."""


class HintMeter(Protocol):
    """Counts callbacks."""

    def callback(self, use: HintUse) -> None:
        """A callback was used in this way."""


class Cards(Protocol):
    """The cards and summaries, as the rest of the relay sees them. Calls return at once; edits follow in time."""

    def job_changed(self, job_id: int) -> None:
        """An answer brought something new, or the job ended."""

    def subscription_changed(self, subscription_id: int) -> None:
        """Its card may have to look different (stopped, posted, on hold)."""

    def account_changed(self, account_id: int) -> None:
        """The account's token was refused, renewed, paid, removed; its open jobs' cards follow."""

    def api_changed(self) -> None:
        """The API went away or came back; all open cards follow, without a stampede."""


@dataclass(frozen=True, slots=True)
class ApiHealth:
    """How the API as a whole is."""

    down_since: int | None = None
    """Milliseconds UTC; None while it answers."""


@dataclass(slots=True)
class Health:
    """What the relay tells of itself; written by the loops, read by the cards and by `check`."""

    api: ApiHealth = field(default_factory=ApiHealth)
    paused: bool = False
    """The database takes no writes."""
    failures: Sequence[str] = ()
