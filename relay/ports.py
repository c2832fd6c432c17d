"""What the relay needs from the outside: a protocol for each."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

from model.messages import (
    Address,
    CardPost,
    LookResult,
    NoticePost,
    Post,
    SendResult,
    SummaryPost,
)


class Clock(Protocol):
    """Time as the relay sees it."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC; it may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for nothing or less."""


class Poster(Protocol):
    """Posts to Discord, by id and never through the gateway's cache. Raises nothing but cancellation."""

    async def post(self, address: Address, post: Post) -> SendResult:
        """Sends a new message with `post.nonce` enforced."""

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost | NoticePost) -> SendResult:
        """Edits a message of ours in place."""

    async def find(self, address: Address, post: Post, after: int) -> LookResult:
        """Looks for this very message (by the nonce or number in its buttons; a notice by its text) in the history
        from `after` (milliseconds UTC) on."""

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        """The names of the permissions that are missing to post there, as far as the gateway's cache knows; None where
        it does not know the channel."""

    def is_hidden(self, address: Address) -> bool:
        """Whether the gateway calls the channel hidden from the bot, which may have changed without a word."""

    def may_attach(self, address: Address) -> bool:
        """False only where it is known that files may not be attached."""

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        """Bytes that Discord's published table gives this server, if it is known to the gateway."""


class JobImports(Protocol):
    """The follows, as whoever hears of an account's jobs sees them."""

    async def import_jobs(self, account_id: int, jobids: Collection[str]) -> list[int]:
        """Relays jobs that the API itself has just named as this account's to every channel that follows the account.

        Returns the numbers of those that were not relayed anywhere before; they are asked about at once. Ids that are
        none of PixVerse, and jobs that have ended, were stopped there or are watched there already, change nothing.
        Raises StorageError as the database does.
        """


class Claims(Protocol):
    """The poller, as callbacks see it."""

    def end_reported(self, job_id: int) -> None:
        """A callback claims that the job has ended: its record is looked at at once, within the schedule's bounds."""


class CallbackUse(StrEnum):
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


class CallbackMeter(Protocol):
    """Counts callbacks."""

    def callback(self, use: CallbackUse) -> None:
        """A callback was used in this way."""
