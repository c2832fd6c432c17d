"""Protocols for everything that the relay needs from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from model.messages import (
    Address,
    CardPost,
    HistorySearchFailure,
    HistorySearchResult,
    NoticePost,
    Post,
    SendResult,
    SummaryPost,
)
from pixverse.api_errors import PixVerseError

Sleep = Callable[[float], Awaitable[None]]
"""Waits for the given number of seconds."""


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> object:
        """Prevents the call."""


class Clock(Protocol):
    """Time as the relay sees it."""

    def now(self) -> int:
        """Wall-clock time in milliseconds UTC; it may jump."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Waits; returns at once if `seconds` is zero or negative."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Calls the callback once the time is over."""


class Poster(Protocol):
    """Posts to Discord by id, without relying on the gateway's cache. Every call is bounded in time, and raises
    nothing but CancelledError."""

    async def post(self, address: Address, post: Post) -> SendResult:
        """Sends a new message with `post.nonce` enforced."""

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost | NoticePost) -> SendResult:
        """Edits one of the bot's messages in place."""

    def looks_alike(self, address: Address, one: Post, other: Post) -> bool:
        """Whether an edit from one to the other would change nothing visible."""

    def time(self) -> int | None:
        """Discord's time in milliseconds UTC, at most a second ahead; None if it is not known."""

    async def find(self, address: Address, post: Post, after: int) -> HistorySearchResult:
        """Searches the channel's history from `after` (milliseconds UTC) on for this very message. A notice is
        recognised by its text, any other message by the nonce or number in its buttons."""

    async def copies(self, address: Address, post: Post, after: int) -> tuple[int, ...] | HistorySearchFailure:
        """The ids of all messages that `find` would accept as this message."""

    async def delete(self, address: Address, message_id: int) -> SendResult:
        """Deletes one of the bot's messages."""

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        """The names of the permissions that the bot lacks to post there, according to the gateway's cache; None if the
        cache does not have the channel."""

    async def refusal_if_hidden(self, address: Address) -> SendResult | None:
        """Asks Discord about a channel that is hidden from the bot according to the gateway, which does not report when
        that ends. Returns why nothing can be posted there; None if it is not hidden any more, or was not."""

    def may_attach(self, address: Address) -> bool:
        """False only if the bot is known to lack the permission to attach files."""

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        """The server's upload limit in bytes by Discord's published table; None if the gateway doesn't know the
        server."""


class Meters(Protocol):
    """Counters for monitoring. Calls return at once and raise nothing."""

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """Counts a finished request to the PixVerse API; `error` is None if it succeeded."""

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Counts a response of Discord; for a 429, `limit` is the kind of limit and `wait` the seconds to wait."""

    def download_ended(self, ending: str, seconds: float, size: int) -> None:
        """Counts a finished download. `ending` is `file` if it succeeded (`size` in bytes), otherwise the value of the
        model.messages.LinkReason for which the video stays a link."""


class NoMeters:
    """Counts nothing."""

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """Does nothing."""

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Does nothing."""

    def download_ended(self, ending: str, seconds: float, size: int) -> None:
        """Does nothing."""
