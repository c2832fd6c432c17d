"""Several bot processes on one PostgreSQL, and a load balancer for their callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import count

import aiohttp
from aiohttp import web

from sandbox.bot_process import BotProcess

PROCESSES = 3
SHARDS = 4
"""More shards than processes, so that one process has two and a new process gets one."""


class Cluster:
    """Holds the processes by name, in the order they were added. `settings_of` returns the settings for a name."""

    def __init__(
        self,
        make: Callable[[Mapping[str, str]], BotProcess],
        settings_of: Callable[[str], Awaitable[Mapping[str, str]]],
    ) -> None:
        self._make = make
        self._settings_of = settings_of
        self._numbers = count(1)
        self._callbacks: dict[str, str] = {}
        self.processes: dict[str, BotProcess] = {}

    async def add(self) -> str:
        """Adds a process without starting it, and returns its name."""
        name = str(next(self._numbers))
        settings = await self._settings_of(name)
        self.processes[name] = self._make(settings)
        self._callbacks[name] = f"http://127.0.0.1:{settings['CALLBACK_PORT']}"
        return name

    def callback_ports(self) -> list[str]:
        """The callback addresses of the running processes."""
        return [base for name, base in self._callbacks.items() if self.processes[name].running]


class Balancer:
    """A load balancer: forwards each callback to the next of `targets`."""

    def __init__(self, targets: Callable[[], list[str]]) -> None:
        self._targets = targets
        self._turns = count()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.port = 0

    async def start(self) -> None:
        """Listens on a free port of 127.0.0.1."""
        application = web.Application()
        application.router.add_post("/{path:.*}", self._pass_on)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Closes the port."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        """Forwards a request, skipping processes that don't listen."""
        if self._session is None:
            raise web.HTTPServiceUnavailable
        body, headers = await request.read(), {"Content-Type": request.headers.get("Content-Type", "")}
        targets, turn = self._targets(), next(self._turns)
        for place in range(len(targets)):
            target = targets[(turn + place) % len(targets)]
            try:
                async with self._session.post(f"{target}{request.path_qs}", data=body, headers=headers) as answer:
                    return web.Response(status=answer.status, body=await answer.read())
            except aiohttp.ClientConnectionError:
                continue
        return web.Response(status=502)
