"""Orders to a sandbox in its own process: `POST /<order>` with JSON arguments, answered with the result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web

from sandbox.discord_wire import NotAnswered, NotPossible

Order = Callable[..., Awaitable[Any]]
_FAILURES = (NotAnswered, NotPossible, TimeoutError, LookupError, TypeError, ValueError)


async def serve_orders(orders: Mapping[str, Order], stack: AsyncExitStack) -> str:
    """Takes orders on a free port of 127.0.0.1 until the stack is closed; returns the address."""

    async def take(request: web.Request) -> web.Response:
        order = orders.get(request.match_info["order"])
        if order is None:
            return web.json_response({"failure": "LookupError", "text": f"no order {request.path}"}, status=404)
        try:
            return web.json_response({"result": await order(**await request.json())})
        except _FAILURES as failure:
            return web.json_response({"failure": type(failure).__name__, "text": str(failure)}, status=400)

    application = web.Application()
    application.router.add_post("/{order}", take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
