"""A server on loopback whose connections can be refused and accepted again on the same port."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

_SHUTDOWN_SECONDS = 0.2


class Server:
    """An aiohttp application on 127.0.0.1."""

    def __init__(self, make: Callable[[], web.Application]) -> None:
        self._make = make
        self._runner: web.AppRunner | None = None
        self._callers: dict[int, str] = {}
        self.port = 0

    async def start(self) -> None:
        """Listen, on a free port the first time and on the same one from then on; does nothing while listening."""
        if self._runner is not None:
            return
        runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        for port in self._callers:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        self._runner = runner
        self.port = self.port or int(runner.addresses[0][1])

    async def open_port_of(self, caller: str) -> int:
        """Listens on one more port, for one of several clients, and returns it; the server listens already."""
        if self._runner is None:
            raise RuntimeError("the server does not listen")
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = int(self._runner.addresses[-1][1])
        self._callers[port] = caller
        return port

    def caller_of(self, request: web.Request) -> str:
        """The client whose own port a request came to; empty: it came to the port of all."""
        name = None if request.transport is None else request.transport.get_extra_info("sockname")
        return "" if name is None else self._callers.get(name[1], "")

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await runner.cleanup()
