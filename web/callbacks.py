"""`POST /callback/<secret>`: accepts what useapi.net posts to a server's `replyUrl`, and responds before acting on it.

Responses: 200 whatever the body holds, since it is only a hint; 404 for an unknown address; 413 for a body that is too
large; 415 for a content type other than JSON; 429 for more callbacks than a server's share, so that the sender knows
that they are dropped. No response contains a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_processor import CallbackProcessor
from relay.ports import Clock
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
    """A token bucket for each server. Full buckets are forgotten. Times are monotonic seconds."""

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


class Callbacks:
    """What the callback port calls; its server bounds a body in bytes and in time."""

    def __init__(
        self,
        addresses: CallbackAddresses,
        processor: CallbackProcessor,
        rate: CallbackRate,
        clock: Clock,
    ) -> None:
        self._addresses = addresses
        self._processor = processor
        self._rate = rate
        self._clock = clock

    async def answer(self, request: Request) -> Response:
        """The response to one callback. Raises RequestRefused."""
        _, _, secret = request.head.path.rpartition("/")
        guild_id = self._addresses.server_of(secret)
        if guild_id is None:
            raise RequestRefused(HTTPStatus.NOT_FOUND)
        if not self._rate.take(guild_id, self._clock.monotonic()):
            self._processor.dropped()
            raise RequestRefused(HTTPStatus.TOO_MANY_REQUESTS, Retry_After=_RETRY_AFTER_SECONDS)
        if not _is_json(request.head):
            raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        self._processor.received(guild_id, await request.read())
        return Response(b"ok")


def _is_json(head: RequestHead) -> bool:
    """Whether the body may be JSON. The vendor documents no content type, so a missing one counts as JSON. A compressed
    body does not, since it could unpack to any size."""
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return False
    content_type = head.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() in ("", _JSON)
