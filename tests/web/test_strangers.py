"""What anybody may send to a port: refused at once, never logged, never kept open for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random

import pytest

from sandbox.ports import free_port
from tests.web.port import ask, port_at
from tests.web.strange_requests import REFUSED, in_pieces, random_bytes
from web.http_connection import TimeLimits
from web.http_messages import Request, Response
from web.server import callback_routes, monitoring_routes, serving

_QUICK = TimeLimits(head=0.3, body=0.3, response=0.3, closing=0.3)
_SUM_OF_ALL_STEPS = 1.2


async def _reply(request: Request) -> Response:
    return Response(await request.read())


@pytest.fixture(params=["callbacks", "monitoring"])
async def port(request: pytest.FixtureRequest) -> AsyncIterator[int]:
    routes = callback_routes(_reply, None) if request.param == "callbacks" else monitoring_routes(_reply, _reply)
    number = free_port()
    async with serving(routes, port_at(number), seconds=_QUICK):
        yield number


async def _send(port: int, pieces: list[bytes]) -> bytes:
    """Everything that comes back. The client never closes first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        while more := await reader.read(10_000):
            received += more
    writer.close()
    return received


@pytest.mark.parametrize("port", ["callbacks"], indirect=True)
@pytest.mark.parametrize("name", REFUSED)
async def test_each_kind_is_refused_at_once(port: int, name: str, caplog: pytest.LogCaptureFixture) -> None:
    sent, status = REFUSED[name]
    begun = time.monotonic()
    received = await _send(port, [sent])
    assert received.split(b" ")[1] == str(status).encode()
    assert received.count(b"HTTP/1.1 ") == 1
    assert time.monotonic() - begun < _SUM_OF_ALL_STEPS
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


async def test_random_bytes_end_in_time_and_fill_no_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    random = Random(8)
    loop = asyncio.get_running_loop()
    faults: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _, context: faults.append(context))
    for _ in range(10):
        sent = [random_bytes(random) for _ in range(30)]
        async with asyncio.timeout(10 * _SUM_OF_ALL_STEPS):
            received = await asyncio.gather(*(_send(port, in_pieces(random, one)) for one in sent))
        for one in received:
            assert one.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").count(b"HTTP/1.1 ") <= 1
    assert faults == []
    assert [record for record in caplog.records if record.levelname != "INFO"] == []
    assert (await ask(port, "GET / HTTP/1.1\nHost: a"))[0] == 404
