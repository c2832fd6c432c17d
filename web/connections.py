"""Connections to the HTTP port, bounded in number and in time: whoever is slow or too many is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

MOST_CONNECTIONS = 200
"""Far below what a process may have open (often 1,024), so that Discord and the API are reached during a flood."""
LONGEST_SECONDS = 10.0
"""From the first byte to the last one; each connection carries one request."""


class Doorkeeper:
    """Makes aiohttp's connections, and ends those that come on top of `most` or last longer than `seconds`."""

    def __init__(
        self,
        make: Callable[[], web.RequestHandler],
        *,
        most: int = MOST_CONNECTIONS,
        seconds: float = LONGEST_SECONDS,
    ) -> None:
        self._make = make
        self._most = most
        self._seconds = seconds
        self._open = 0

    def __call__(self) -> asyncio.Protocol:
        return _Connection(self, self._make())

    def came(self, transport: asyncio.BaseTransport) -> asyncio.TimerHandle | None:
        """A connection has come; what will end it. None: there are too many, it has to go at once."""
        self._open += 1
        if self._open > self._most:
            return None
        return asyncio.get_running_loop().call_later(self._seconds, _abort, transport)

    def went(self) -> None:
        """A connection has ended."""
        self._open -= 1


class _Connection(asyncio.Protocol):
    """Hands everything on to aiohttp's connection."""

    def __init__(self, doorkeeper: Doorkeeper, inner: web.RequestHandler) -> None:
        self._doorkeeper = doorkeeper
        self._inner = inner
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._timer = self._doorkeeper.came(transport)
        self._inner.connection_made(transport)
        if self._timer is None:
            _abort(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._doorkeeper.went()
        if self._timer is not None:
            self._timer.cancel()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._inner.data_received(data)

    def eof_received(self) -> None:
        self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


def _abort(transport: asyncio.BaseTransport) -> None:
    if isinstance(transport, asyncio.Transport):
        transport.abort()
