"""Counters that are updated where things happen. No label takes a value that outsiders could make up."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, Histogram

from pixverse.api_errors import (
    AccountBroken,
    BadRequest,
    JobExpired,
    JobNotFound,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
)
from relay.ports import Meters, NoMeters
from settings import Settings

_OUTCOMES: dict[type[PixVerseError], str] = {
    BadRequest: "bad request",
    TokenRefused: "token refused",
    SubscriptionUnpaid: "unpaid",
    JobNotFound: "not found",
    JobExpired: "expired",
    RateLimited: "rate limited",
    AccountBroken: "account broken",
}
_ANSWERED, _NO_ANSWER = "answered", "no answer"
_LIMITS = frozenset({"user", "global", "shared"})
"""Values of X-RateLimit-Scope (Discord developer docs, Rate Limits)."""
_OTHER = "other"
_STATUSES = range(100, 600)
_API_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
_DOWNLOAD_BUCKETS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class PrometheusMeters:
    """The Meters of a bot with an open HTTP port."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._api = Histogram(
            "relay_api_request_seconds",
            "Requests to the PixVerse API, by their outcome.",
            ["outcome"],
            buckets=_API_BUCKETS,
            registry=registry,
        )
        self._discord = Counter(
            "relay_discord_answers", "Discord's responses, by the class of their status.", ["status"], registry=registry
        )
        self._limits = Counter(
            "relay_discord_rate_limits", "Responses of 429, by the kind of limit.", ["limit"], registry=registry
        )
        self._waits = Counter(
            "relay_discord_rate_limit_wait_seconds",
            "Seconds that Discord's responses of 429 ask to wait, by the kind of limit.",
            ["limit"],
            registry=registry,
        )
        self._downloads = Histogram(
            "relay_download_seconds",
            "Downloads of videos, by their end: `file`, or the reason why the video stays a link.",
            ["ending"],
            buckets=_DOWNLOAD_BUCKETS,
            registry=registry,
        )
        self._bytes = Counter("relay_download_bytes", "Bytes of the videos that were fetched.", registry=registry)
        # Created in advance, so that a rate exists from the first event on, not only from the second.
        for outcome in (_ANSWERED, _NO_ANSWER, *_OUTCOMES.values()):
            self._api.labels(outcome)
        for limit in (*_LIMITS, _OTHER):
            self._limits.labels(limit)
            self._waits.labels(limit)

    def api_answered(self, error: PixVerseError | None, seconds: float) -> None:
        """Counts a finished request to the PixVerse API."""
        outcome = _ANSWERED if error is None else _OUTCOMES.get(type(error), _NO_ANSWER)
        self._api.labels(outcome).observe(seconds)

    def discord_answered(self, status: int, limit: str | None, wait: float) -> None:
        """Counts a response of Discord."""
        self._discord.labels(f"{status // 100}xx" if status in _STATUSES else _OTHER).inc()
        if status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        kind = limit if limit in _LIMITS else _OTHER
        self._limits.labels(kind).inc()
        self._waits.labels(kind).inc(wait)

    def download_ended(self, ending: str, seconds: float, size: int) -> None:
        """Counts a finished download."""
        self._downloads.labels(ending).observe(seconds)
        self._bytes.inc(size)


@dataclass(frozen=True, slots=True)
class Instruments:
    """The meters, and the registry from which they are read. If HTTP_PORT is off, they count nothing."""

    registry: CollectorRegistry
    meters: Meters

    @classmethod
    def of(cls, settings: Settings) -> Instruments:
        """The instruments of a bot with these settings."""
        registry = CollectorRegistry()
        return cls(registry, NoMeters() if settings.http_port is None else PrometheusMeters(registry))
