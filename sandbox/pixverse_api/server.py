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
        self.port = 0

    async def start(self) -> None:
        """Listen, on a free port the first time and on the same one from then on; does nothing while listening."""
        if self._runner is not None:
            return
        runner = web.AppRunner(self._make(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self._runner = runner
        self.port = self.port or int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner is None:
            return
        runner, self._runner = self._runner, None
        await runner.cleanup()
