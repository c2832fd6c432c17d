"""The HTTP port: who is answered what at which address. What the answers are, the handlers decide."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import os
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from settings import SettingsError
from web.connections import Doorkeeper

log = logging.getLogger(__name__)


class PortTaken(SettingsError):
    """Somebody listens there already, perhaps this very bot."""


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]

MOST_BYTES = 64 * 1024
"""Of a body. A job's record has a few KiB; prompts have bounds of 2,048 and 5,000 characters (useapi.net, PixVerse)."""

_CALLBACK = "/callback/"
_FORWARDED_HOST = re.compile(r'\bhost\s*=\s*"?([^\s",;]*)', re.IGNORECASE)
"""RFC 7239, section 4."""
_SECONDS_TO_END = 2.0


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Who answers; what is None is not there (404)."""

    health: Answer | None = None
    metrics: Answer | None = None
    callback: Answer | None = None
    """Its request has the path's `secret` in `match_info`."""


def make_application(endpoints: Endpoints, public_url: str | None) -> web.Application:
    """The addresses. Under the host name of `public_url` only callbacks are answered, at its path or at the root, since
    a proxy may or may not take the path away. A loopback address is no name that the internet knows."""
    public = urlsplit(public_url or "")
    public_host = None if _is_loopback(public.hostname) else public.hostname
    application = web.Application(
        client_max_size=MOST_BYTES, middlewares=[_one_request_each, _only_callbacks_at(public_host)]
    )
    if endpoints.health is not None:
        application.router.add_get("/healthz", endpoints.health)
    if endpoints.metrics is not None:
        application.router.add_get("/metrics", endpoints.metrics)
    if endpoints.callback is not None:
        for prefix in sorted({"", public.path}):
            application.router.add_post(f"{prefix}{_CALLBACK}{{secret}}", endpoints.callback)
    return application


@asynccontextmanager
async def serving(application: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Answers at this address until the block ends. Raises SettingsError where nobody can listen there.

    No access log: secrets stand in paths.
    """
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,
        lingering_time=_SECONDS_TO_END,
        shutdown_timeout=_SECONDS_TO_END,
    )
    await runner.setup()
    try:
        listener = await _listen(runner, host, port)
        log.info("Listening at %s, port %d", host, port)
        try:
            yield
        finally:
            listener.close()
    finally:
        await runner.cleanup()


async def try_address(host: str, port: int) -> None:
    """Raises SettingsError where `serving` would, PortTaken where that is because of another listener. Nobody is
    answered meanwhile."""
    try:
        listener = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        raise _no_place(host, port, error) from error
    listener.close()


async def _listen(runner: web.AppRunner, host: str, port: int) -> asyncio.Server:
    server = cast("web.Server", runner.server)
    try:
        return await asyncio.get_running_loop().create_server(Doorkeeper(server), host, port)
    except OSError as error:
        raise _no_place(host, port, error) from error


def _no_place(host: str, port: int, error: OSError) -> SettingsError:
    kind = PortTaken if error.errno == errno.EADDRINUSE else SettingsError
    place = f"HTTP_HOST, HTTP_PORT: {host}, port {port} cannot be listened at ({_reason(error)})"
    return kind([f"{place}; choose others, or leave HTTP_PORT empty"])


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno is None:
        return str(error.strerror)
    return os.strerror(error.errno)


@web.middleware
async def _one_request_each(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A connection that stays open between requests would be cut off in the middle of one."""
    try:
        response = await handler(request)
    except web.HTTPException as refusal:
        refusal.force_close()
        raise
    except ConnectionError:
        # Gone, or cut off, before it had sent everything: nobody reads this, and strangers are to fill no log.
        response = web.Response(status=HTTPStatus.BAD_REQUEST)
    response.force_close()
    return response


def _only_callbacks_at(public_host: str | None) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if public_host is not None and _name(public_host) in _hosts(request) and _CALLBACK not in request.path:
            raise web.HTTPNotFound
        return await handler(request)

    return guard


def _is_loopback(host: str | None) -> bool:
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def _hosts(request: web.Request) -> set[str | None]:
    """The names under which the request was sent: that in its target goes before Host, and a proxy that changes these
    mostly leaves the first one beside them."""
    given = request.headers.getall("Host", [])
    if not request.raw_path.startswith("/"):
        given.append(request.url.raw_authority)
    for header in request.headers.getall("X-Forwarded-Host", []):
        given += header.split(",")
    for header in request.headers.getall("Forwarded", []):
        given += [host.replace("\\", "") for host in _FORWARDED_HOST.findall(header)]
    return {_name(host.strip()) for host in given}


def _name(host: str) -> str | None:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.removesuffix(".") if name else None
