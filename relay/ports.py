"""What the relay needs from the outside: a protocol for each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from model.messages import (
    Address,
    CardPost,
    LookFailure,
    LookResult,
    NoticePost,
    Post,
    SendResult,
    SummaryPost,
)
from pixverse.api_errors import PixVerseError

Sleep = Callable[[float], Awaitable[None]]
"""Waits for so many seconds."""


class Clock(Protocol):
    """Time as the relay sees it."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC; it may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once for nothing or less."""


class Poster(Protocol):
    """Posts to Discord, by id and never through the gateway's cache. Every call is bounded in time and raises nothing
    but cancellation."""

    async def post(self, address: Address, post: Post) -> SendResult:
        """Sends a new message with `post.nonce` enforced."""

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost | NoticePost) -> SendResult:
        """Edits a message of ours in place."""

    def looks_alike(self, address: Address, one: Post, other: Post) -> bool:
        """Whether an edit from one to the other would change nothing that anybody sees."""

    async def find(self, address: Address, post: Post, after: int) -> LookResult:
        """Looks for this very message (by the nonce or number in its buttons; a notice by its text) in the history
        from `after` (milliseconds UTC) on."""

    async def copies(self, address: Address, post: Post, after: int) -> tuple[int, ...] | LookFailure:
        """The ids of all messages that `find` would take for this very one."""

    async def delete(self, address: Address, message_id: int) -> SendResult:
        """Deletes a message of ours."""

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        """The names of the permissions that are missing to post there, as far as the gateway's cache knows; None where
        it does not know the channel."""

    def is_hidden(self, address: Address) -> bool:
        """Whether the gateway calls the channel hidden from the bot, which may have changed without a word."""

    def may_attach(self, address: Address) -> bool:
        """False only where it is known that files may not be attached."""

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        """Bytes that Discord's published table gives this server, if it is known to the gateway."""


class Meters(Protocol):
    """What is counted for whoever watches over the bot. Calls return at once and raise nothing."""

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """A request to the PixVerse API is over: it had a good response, or failed with this error."""

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Discord has responded to a request; a 429 names the kind of its limit, and the seconds to wait."""

    def download_ended(self, ending: str, seconds: float, size: int) -> None:
        """A video was fetched (`file`, with its bytes) or stays a link (a value of model.messages.LinkReason)."""


class NoMeters:
    """Counts nothing."""

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """Nothing."""

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Nothing."""

    def download_ended(self, ending: str, seconds: float, size: int) -> None:
        """Nothing."""
