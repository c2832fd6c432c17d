"""One connection to an HTTP port: one request and one response. Each step has a time limit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

from web.connection_limiter import ConnectionLimiter
from web.http_messages import Handler, Request, RequestHead, RequestRefused, Response
from web.parsing import ChunkedBody, HeadReader, SizedBody, body_reader

log = logging.getLogger(__name__)

Router = Callable[[RequestHead], Handler]
"""Returns the handler of a request; raises RequestRefused if there is none."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds for each step of a connection."""

    head: float = 5.0
    body: float = 5.0
    response: float = 10.0
    closing: float = 2.0
    """For the client to receive the response. What it still sends is discarded; closing at once could destroy the
    response on its way."""


class HttpConnection(asyncio.Protocol):
    """Accepts bytes from anybody. Nothing that a client sends can make it raise, log or stay open for long."""

    def __init__(self, router: Router, limit: ConnectionLimiter, seconds: TimeLimits) -> None:
        self._router = router
        self._limit = limit
        self._seconds = seconds
        self._head = HeadReader()
        self._request: _PendingRequest | None = None
        self._body: SizedBody | ChunkedBody | None = None
        self._responding: asyncio.Task[None] | None = None
        self._responded = False
        self._sends_body = True
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        return self._responding is not None and self._body is None and not self._responded

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def end(self, seconds: float) -> None:
        if self.is_busy and self._responding is not None:
            await asyncio.wait({self._responding}, timeout=seconds)
            self._responding.cancel()
        self.abort()

    # ------------------------------------------------- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername") or ("",)
        if self._limit.admit(self, str(peer[0])):
            self._bound(self._seconds.head, self._refuse_late)
        else:
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._responded:
            return
        try:
            if self._request is None:
                self._take_head(data)
            else:
                self._take_body(data)
        except RequestRefused as refused:
            self._refuse(refused)

    def eof_received(self) -> bool:
        """Keeps the connection open for the response if the request is complete; otherwise closes it."""
        return self.is_busy

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._responding is not None:
            self._responding.cancel()  # Nobody receives the response; clients that hang up early must not cause work.
        self._transport = None
        self._limit.release(self)

    # --------------------------------------------------------- the request

    def _take_head(self, data: bytes) -> None:
        whole = self._head.feed(data)
        if whole is None:
            return
        head, rest = whole
        self._sends_body = head.method != "HEAD"
        handler = self._router(head)
        self._body = body_reader(head)
        self._request = _PendingRequest(head, self._ask_for_body)
        self._bound(self._seconds.body, self._refuse_late)
        self._responding = asyncio.get_running_loop().create_task(self._respond(handler, self._request))
        self._take_body(rest)

    def _take_body(self, data: bytes) -> None:
        if self._body is None or self._request is None:
            return  # What follows the request is not read: a connection carries only one.
        body = self._body.feed(data)
        if body is not None:
            self._body = None
            self._bound(self._seconds.response, self.abort)
            self._request.complete(body)

    def _ask_for_body(self) -> None:
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse_late(self) -> None:
        if self._head.has_begun:
            self._refuse(RequestRefused(HTTPStatus.REQUEST_TIMEOUT))
        else:
            self.abort()

    def _refuse(self, refused: RequestRefused) -> None:
        if self._request is None:
            self._send(refused.response)
        else:
            self._body = None
            self._bound(self._seconds.response, self.abort)
            self._request.fail(refused)

    # -------------------------------------------------------- the response

    async def _respond(self, handler: Handler, request: Request) -> None:
        try:
            response = await handler(request)
        except RequestRefused as refused:
            response = refused.response
        except Exception:
            log.exception("a handler of the HTTP port failed")
            response = Response.of_status(HTTPStatus.INTERNAL_SERVER_ERROR)
        self._send(response)

    def _send(self, response: Response) -> None:
        self._responded = True
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(_encoded(response) + (response.body if self._sends_body else b""))
        with suppress(OSError):  # The client is already gone.
            transport.write_eof()
        self._bound(self._seconds.closing, self.abort)

    def _bound(self, seconds: float, then: Callable[[], None]) -> None:
        """Sets the time limit of the current step, which replaces that of the previous one."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, then)


class _PendingRequest:
    """A request whose head is complete, and whose body is still being received."""

    def __init__(self, head: RequestHead, ask_for_body: Callable[[], None]) -> None:
        self._head = head
        self._ask_for_body = ask_for_body
        self._ended = asyncio.Event()
        self._body = b""
        self._refused: RequestRefused | None = None

    @property
    def head(self) -> RequestHead:
        return self._head

    async def read(self) -> bytes:
        if not self._ended.is_set() and self._head.headers.get("expect", "").lower() == "100-continue":
            self._ask_for_body()
        await self._ended.wait()
        if self._refused is not None:
            raise self._refused
        return self._body

    def complete(self, body: bytes) -> None:
        if not self._ended.is_set():
            self._body = body
            self._ended.set()

    def fail(self, refused: RequestRefused) -> None:
        if not self._ended.is_set():
            self._refused = refused
            self._ended.set()


def _encoded(response: Response) -> bytes:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        **response.headers,
        "Connection": "close",
    }
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
