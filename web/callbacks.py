"""`POST /callback/<secret>`: takes what useapi.net posts to a server's `replyUrl`, and answers before anything is done.

Answers: 200 whatever the body holds, since it is only a hint; 404 for an address that is none; 413 for more bytes than
the server takes; 415 for a body that calls itself anything but JSON; 429 for more than a server's share, since whoever
sends so much should know that it is not heard. No secret stands in an answer.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol

from relay.ports import Clock, HintMeter, HintUse
from web.callback_rate import CallbackRate
from web.messages import Refused, Request, RequestHead, Response

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
        """The response to one callback. Raises Refused."""
        _, _, secret = request.head.path.rpartition("/")
        guild_id = self._addresses.server_of(secret)
        if guild_id is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        if not self._rate.take(guild_id, self._clock.monotonic()):
            self._meter.callback(HintUse.TOO_MANY)
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, Retry_After=_RETRY_AFTER_SECONDS)
        if not _is_json(request.head):
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        self._hearer.heard(guild_id, await request.read())
        return Response(b"ok")


def _is_json(head: RequestHead) -> bool:
    """Whether the body may be JSON. The vendor documents no content type, so that a missing one is taken for it; a body
    that is compressed is not, since it could be of any size."""
    if head.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return False
    content_type = head.headers.get("content-type", "")
    return content_type.partition(";")[0].strip().lower() in ("", _JSON)
