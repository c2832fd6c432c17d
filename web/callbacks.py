"""`POST /callback/<secret>`: accepts what useapi.net posts to a server's `replyUrl`, and responds before acting on it.

Responses: 200 whatever the body contains, because a callback is only a hint; 404 for an unknown address; 413 for a body
that is too large; 415 for a compressed body; 429 if a server gets too many callbacks, so that the sender knows that
they are dropped. No response contains a secret. The content type says nothing: the vendor documents none.
"""

from __future__ import annotations

from http import HTTPStatus

from relay.allowances import Buckets, Refill
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_processor import CallbackProcessor
from web.http_messages import Request, RequestHead, RequestRefused, Response

RATE = Refill(burst=100, per_second=10.0)
"""The callbacks of one server. A useapi.net account has about ten active jobs for each of its channels, and their
states change at most every 15 s (useapi.net PixVerse v1, get-pixverse-jobid)."""
_RETRY_AFTER_SECONDS = "1"


class Callbacks:
    """Handles the callback port's requests, whose bodies its server limits in bytes and time. `by_server` counts
    callbacks."""

    def __init__(
        self,
        addresses: CallbackAddresses,
        processor: CallbackProcessor,
        by_server: Buckets[int],
    ) -> None:
        self._addresses = addresses
        self._processor = processor
        self._by_server = by_server

    async def answer(self, request: Request) -> Response:
        """The response to a callback. Raises RequestRefused."""
        _, _, secret = request.head.path.rpartition("/")
        guild_id = self._addresses.server_of(secret)
        if guild_id is None:
            raise RequestRefused(HTTPStatus.NOT_FOUND)
        if self._by_server.wait(guild_id) > 0:
            self._processor.dropped()
            raise RequestRefused(HTTPStatus.TOO_MANY_REQUESTS, Retry_After=_RETRY_AFTER_SECONDS)
        self._by_server.take(guild_id)
        if _is_compressed(request.head):
            raise RequestRefused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        self._processor.received(guild_id, await request.read())
        return Response(b"ok")


def _is_compressed(head: RequestHead) -> bool:
    """Whether the body is compressed; then it could unpack to any size."""
    return head.headers.get("content-encoding", "identity").strip().lower() != "identity"
