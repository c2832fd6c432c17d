"""`POST /callback/<secret>`: takes what useapi.net posts to a server's `replyUrl`, and answers before anything is done.

Answers: 200 whatever the body holds, since it is only a hint; 404 for an address that is none; 413 for more bytes than
the server takes; 415 for a body that calls itself anything but JSON; 429 for more than a server's share, since whoever
sends so much should know that it is not heard. No secret stands in an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from relay.ports import Clock, HintMeter, HintUse
from web.http_messages import Request, RequestHead, RequestRefused, Response

BURST = 100
PER_SECOND = 10.0
"""A useapi.net account has some ten jobs in work for each of its channels, and their states change at most every 15 s
(useapi.net PixVerse v1, get-pixverse-jobid)."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class CallbackRate:
    """A bucket for each server; those that are full again are forgotten. Times are monotonic seconds."""

    def __init__(self, burst: float = BURST, per_second: float = PER_SECOND) -> None:
        self._burst = burst
        self._per_second = per_second
        self._buckets: dict[int, _Bucket] = {}

    def take(self, guild_id: int, now: float) -> bool:
        """Whether one more callback of this server may be taken."""
        self._forget_full(now)
        bucket = self._buckets.pop(guild_id, None) or _Bucket(self._burst, now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_second)
        bucket.at = now
        self._buckets[guild_id] = bucket  # Whoever called longest ago stands first.
        if bucket.left < 1:
            return False
        bucket.left -= 1
        return True

    def _forget_full(self, now: float) -> None:
        guild_id = next(iter(self._buckets), None)
        if guild_id is not None and now - self._buckets[guild_id].at >= self._burst / self._per_second:
            del self._buckets[guild_id]


_JSON = "application/json"
_RETRY_AFTER_SECONDS = "1"


class Addresses(Protocol):
    """The servers' addresses."""

    def server_of(self, secret: str) -> int | None:
        """The server whose address holds this secret; None where it is no address, or none any more."""


class Hearer(Protocol):
    """Whoever follows callbacks."""

    def heard(self, guild_id: int, body: bytes) -> None:
        """A callback came to the server's address. Returns at once, whatever the body holds."""


class Callbacks:
    """What the callback port calls; its server bounds a body in bytes and in time."""

    def __init__(
        self, addresses: Addresses, hearer: Hearer, rate: CallbackRate, meter: HintMeter, clock: Clock
    ) -> None:
        self._addresses = addresses
        self._hearer = hearer
        self._rate = rate
        self._meter = meter
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        """The response to one callback. Raises RequestRefused."""
        _, _, secret = request.head.path.rpartition("/")
        guild_id = self._addresses.server_of(secret)
        if guild_id is None:
            raise RequestRefused(HTTPStatus.NOT_FOUND)
        if not self._rate.take(guild_id, self._clock.monotonic()):
            self._meter.callback(HintUse.TOO_MANY)
            raise RequestRefused(HTTPStatus.TOO_MANY_REQUESTS, Retry_After=_RETRY_AFTER_SECONDS)
        if not _is_json(request.head):
            raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        self._hearer.heard(guild_id, await request.read())
        return Response(b"ok")


def _is_json(head: RequestHead) -> bool:
    """Whether the body may be JSON. The vendor documents no content type, so that a missing one is taken for it; a body
    that is compressed is not, since it could be of any size."""
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return False
    content_type = head.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() in ("", _JSON)
