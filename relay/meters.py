"""What is counted while the bot works, for whoever watches over it."""

from __future__ import annotations

from typing import Protocol

from pixverse.api_errors import PixVerseError


class Meters(Protocol):
    """Counts. Calls return at once and raise nothing."""

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """A question to the PixVerse API has ended: with an answer, or with this error."""

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Discord has answered a request; a 429 names the kind of its limit, and the seconds to wait for it."""

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
