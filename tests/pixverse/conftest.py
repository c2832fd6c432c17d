"""A server on loopback that answers what a test wants, and the client that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from hypothesis import settings

from pixverse.api_client import ApiClient

settings.register_profile("unhurried", deadline=None)  # a shared machine may pause any test for longer than 200 ms
settings.load_profile("unhurried")

NOW = 1_800_000_000.0
"""Friday, 15 January 2027 08:00:00 UTC."""


class Wire:
    """What the server answers next, and what it was asked."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url
        self.session = session
        self.asked: list[web.BaseRequest] = []
        self.answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]] | web.Response = web.Response()

    def says(self, status: int, body: str | bytes, **headers: str) -> None:
        raw = body.encode() if isinstance(body, str) else body

        async def answer(_request: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=status, body=raw, headers={k.replace("_", "-"): v for k, v in headers.items()})

        self.answer = answer

    def client(self, **settings: Any) -> ApiClient:
        return ApiClient(self.session, self.base_url, now=lambda: NOW, **settings)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        assert callable(self.answer)
        return await self.answer(request)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with aiohttp.ClientSession() as session:
        wire = Wire("", session)
        runner = web.ServerRunner(web.Server(wire.handle), shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        wire.base_url = f"http://{host}:{port}"
        yield wire
        await runner.cleanup()


@asynccontextmanager
async def _raw_client(sent: bytes) -> AsyncIterator[ApiClient]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(sent)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, aiohttp.ClientSession() as session:
        port = server.sockets[0].getsockname()[1]
        yield ApiClient(session, f"http://127.0.0.1:{port}", timeout=2)


@pytest.fixture(scope="session")
def raw_client() -> Callable[[bytes], Any]:
    """A client of a server that answers exactly these bytes and hangs up."""
    return _raw_client
