"""`POST /callback/<secret>`: takes what useapi.net posts to a server's `replyUrl`, and answers before anything is done.

Answers: 200 whatever the body holds, since it is only a hint; 404 for an address that is none; 413 for more bytes than
the server takes; 415 for a body that calls itself anything but JSON; 429 for more than a server's share, since whoever
sends so much should know that it is not heard. No secret stands in an answer.
"""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from relay.ports import Clock, HintMeter, HintUse
from web.callback_rate import CallbackRate

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
    """What the HTTP port calls; its server bounds a body in bytes and in time."""

    def __init__(
        self, addresses: Addresses, hearer: Hearer, rate: CallbackRate, meter: HintMeter, clock: Clock
    ) -> None:
        self._addresses = addresses
        self._hearer = hearer
        self._rate = rate
        self._meter = meter
        self._clock = clock

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to one callback. Raises classes of aiohttp's HTTPException that are refusals."""
        guild_id = self._addresses.server_of(request.match_info["secret"])
        if guild_id is None:
            raise web.HTTPNotFound
        if not self._rate.take(guild_id, self._clock.monotonic()):
            self._meter.callback(HintUse.TOO_MANY)
            raise web.HTTPTooManyRequests(headers={"Retry-After": _RETRY_AFTER_SECONDS})
        if not _is_json(request):
            raise web.HTTPUnsupportedMediaType
        self._hearer.heard(guild_id, await _body(request))
        return web.Response(text="ok")


async def _body(request: web.Request) -> bytes:
    """Raises a refusal that nobody reads where the caller has hung up, or was cut off because it was slow."""
    try:
        return await request.read()
    except ConnectionError:
        raise web.HTTPBadRequest from None


def _is_json(request: web.Request) -> bool:
    """Whether the body may be JSON. The vendor documents no content type, so that a missing one is taken for it; a body
    that is compressed is not, since it could be of any size."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        return False
    content_type = request.headers.get("Content-Type", "")
    return content_type.partition(";")[0].strip().lower() in ("", _JSON)
