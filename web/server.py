"""The HTTP ports: one for monitoring and one for callbacks, each with its own limits."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlsplit

from settings import Settings, SettingsError
from web.connection_limiter import ConnectionLimiter, room_for
from web.http_connection import HttpConnection, TimeLimits
from web.http_messages import Handler, RequestHead, RequestRefused

log = logging.getLogger(__name__)

MAX_MONITORING_CONNECTIONS = 200
MAX_CALLBACK_CONNECTIONS = 2000
"""Strangers can reach this port. The more connections it allows, the longer an honest client keeps its own."""
_ACCEPTED_AT_ONCE = 100
"""Connections accepted in one pass of the event loop. Fewer than the allowed ones, so that what a new connection has
sent is read before the next ones arrive."""
_QUEUE = 1024
"""Connections that the system queues until they are accepted. If the queue is full, a client retries after a second."""
_SECONDS_TO_END = 2.0
_USUAL_SECONDS = TimeLimits()


class PortTaken(SettingsError):
    """Another process, perhaps another instance of the bot, already listens there."""


@dataclass(frozen=True, slots=True)
class Port:
    """Where to listen, and how the settings name the port."""

    name: str
    """HTTP or CALLBACK, the prefix of the settings' names."""
    host: str
    number: int
    max_connections: int
    remedy: str
    """What the operator can do if listening fails."""


def monitoring_port(settings: Settings) -> Port | None:
    """The monitoring port; None if it is off."""
    if settings.http_port is None:
        return None
    remedy = "choose others, or leave HTTP_PORT empty"
    return Port("HTTP", settings.http_host, settings.http_port, MAX_MONITORING_CONNECTIONS, remedy)


def callback_port(settings: Settings) -> Port | None:
    """The callback port; None if it is off."""
    if settings.callback_port is None:
        return None
    remedy = "choose others, or leave CALLBACK_PORT and PUBLIC_URL empty"
    return Port("CALLBACK", settings.callback_host, settings.callback_port, MAX_CALLBACK_CONNECTIONS, remedy)


@dataclass(frozen=True, slots=True)
class Route:
    """The methods and paths that a handler serves."""

    methods: tuple[str, ...]
    path: re.Pattern[str]
    handler: Handler


def monitoring_routes(health: Handler, metrics: Handler) -> list[Route]:
    """`GET /healthz` and `GET /metrics`. HEAD is supported too, because some monitors use it."""
    methods = ("GET", "HEAD")
    return [Route(methods, re.compile("/healthz"), health), Route(methods, re.compile("/metrics"), metrics)]


def callback_routes(callback: Handler, public_url: str | None) -> list[Route]:
    """`POST /callback/<secret>`, with or without the path of `public_url`, which a proxy may or may not strip."""
    prefix = re.escape(urlsplit(public_url or "").path)
    return [Route(("POST",), re.compile(f"(?:{prefix})?/callback/[^/]+"), callback)]


@asynccontextmanager
async def serving(
    routes: Sequence[Route],
    port: Port,
    seconds: TimeLimits = _USUAL_SECONDS,
) -> AsyncIterator[None]:
    """Serves the routes at this port until the block ends. Raises SettingsError if listening fails.

    Requests are not logged, because paths contain secrets and strangers must not be able to fill the log.
    """
    limit = ConnectionLimiter(room_for(port.max_connections))

    def connect() -> HttpConnection:
        return HttpConnection(lambda head: _find(routes, head), limit, seconds)

    try:
        server = await asyncio.get_running_loop().create_server(
            connect, port.host, port.number, backlog=_ACCEPTED_AT_ONCE
        )
    except OSError as error:
        raise _no_place(port, error) from error
    for listener in server.sockets:
        with listener.dup() as same:
            same.listen(_QUEUE)
    log.info("%s port: listening at %s, port %d", port.name, port.host, port.number)
    try:
        yield
    finally:
        server.close()
        await asyncio.gather(*(connection.end(_SECONDS_TO_END) for connection in limit.open_connections()))


async def try_port(port: Port) -> None:
    """Raises SettingsError if `serving` would, and PortTaken if another process listens there. Serves nothing."""
    try:
        server = await asyncio.get_running_loop().create_server(
            asyncio.Protocol, port.host, port.number, start_serving=False
        )
    except OSError as error:
        raise _no_place(port, error) from error
    server.close()


def _find(routes: Sequence[Route], head: RequestHead) -> Handler:
    for route in routes:
        if route.path.fullmatch(head.path):
            if head.method in route.methods:
                return route.handler
            raise RequestRefused(HTTPStatus.METHOD_NOT_ALLOWED, Allow=", ".join(route.methods))
    raise RequestRefused(HTTPStatus.NOT_FOUND)


def _no_place(port: Port, error: OSError) -> SettingsError:
    kind = PortTaken if error.errno == errno.EADDRINUSE else SettingsError
    place = f"{port.name}_HOST, {port.name}_PORT: {port.host}, port {port.number} can't be used"
    return kind([f"{place} ({_reason(error)}); {port.remedy}"])


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno is None:
        return str(error.strerror)
    return os.strerror(error.errno)
