"""Lets only the page itself send requests to its local port.

Any website can send requests to 127.0.0.1, and can point its own name there (DNS rebinding). The former are recognised
by their `Origin`, the latter by their `Host`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_READING = ("GET", "HEAD")
Port = Callable[[], int]


def own_hosts(port: int) -> tuple[str, str]:
    """The names under which a port of this machine is reached."""
    return f"127.0.0.1:{port}", f"localhost:{port}"


def only_own_page(port: Port) -> Middleware:
    """Answers 403 to requests that name another host or come from another page."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.host not in own_hosts(port()):
            raise web.HTTPForbidden(text="This page answers to its own address only.")
        if not _from_own_page(request):
            raise web.HTTPForbidden(text="That came from another page.")
        return await handler(request)

    return guard


def _from_own_page(request: web.Request) -> bool:
    """Whether the `Origin` is this page. Browsers send it with every request that changes something, so only reads may
    lack it.
    """
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin == f"http://{request.host}"
    return request.method in _READING


def with_headers(headers: Callable[[], Mapping[str, str]]) -> Middleware:
    """Puts these headers on every answer, refusals included."""

    @web.middleware
    async def put(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            refusal.headers.update(headers())
            raise
        if not response.prepared:
            response.headers.update(headers())
        return response

    return put
