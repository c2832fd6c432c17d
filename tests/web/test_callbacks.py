"""`POST /callback/<secret>` on the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from relay.allowances import Buckets, Refill
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_processor import CallbackProcessor
from sandbox.ports import free_port
from tests.clock import ManualClock
from tests.web.port import ask, port_at
from web.callbacks import Callbacks
from web.parsing import MAX_BODY_BYTES
from web.server import callback_routes, serving

SECRET = "A" * 43
OTHER = "B" * 43


class GuildFixture:
    """Two servers with addresses, and what was heard at them."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.heard_of: list[tuple[int, bytes]] = []
        self.drops = 0
        self.clock = ManualClock()

    def server_of(self, secret: str) -> int | None:
        return {SECRET: 5, OTHER: 6}.get(secret)

    def received(self, guild_id: int, body: bytes) -> None:
        self.heard_of.append((guild_id, body))

    def dropped(self) -> None:
        self.drops += 1

    async def post(self, body: bytes = b"{}", *headers: str, secret: str = SECRET) -> int:
        lines = [f"POST /callback/{secret} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}", *headers]
        return (await ask(self.port, "\n".join(lines), body))[0]


@pytest.fixture
async def server() -> AsyncIterator[GuildFixture]:
    made = GuildFixture(free_port())
    callbacks = Callbacks(
        cast("CallbackAddresses", made),
        cast("CallbackProcessor", made),
        Buckets(made.clock, Refill(burst=20, per_second=1)),
    )
    async with serving(callback_routes(callbacks.answer, None), port_at(made.port)):
        yield made


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ("Content-Type: application/json",),
        ("Content-Type: text/plain;charset=UTF-8",),
        ("Content-Type: application/json", "Content-Encoding: identity"),
    ],
)
@pytest.mark.parametrize("body", [b'{"jobid":"a"}', b"", b"[" * 60_000, b"\xff\xfe", b"x" * MAX_BODY_BYTES])
async def test_any_body_is_accepted(server: GuildFixture, body: bytes, headers: tuple[str, ...]) -> None:
    assert await server.post(body, *headers) == 200
    assert server.heard_of == [(5, body)]


async def test_a_compressed_body_is_refused(server: GuildFixture) -> None:
    assert await server.post(b"{}", "Content-Encoding: gzip") == 415
    assert server.heard_of == []


async def test_a_body_that_is_too_long_is_refused(server: GuildFixture) -> None:
    assert await server.post(b"x" * (MAX_BODY_BYTES + 1)) == 413
    chunked = f"POST /callback/{SECRET} HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"
    chunks = b"".join(b"4000\r\n" + b"x" * 0x4000 + b"\r\n" for _ in range(6)) + b"0\r\n\r\n"
    assert (await ask(server.port, chunked, chunks))[0] == 413
    assert server.heard_of == []


async def test_a_caller_that_disconnects_is_not_our_error(
    server: GuildFixture, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"POST /callback/{SECRET} HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nxx".encode())
    await writer.drain()
    writer.transport.abort()
    assert await reader.read() == b""
    assert await server.post() == 200
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert server.heard_of == [(5, b"{}")]


async def test_every_invalid_address_gets_the_same_response(server: GuildFixture) -> None:
    strange = ["C" * 43, "A", SECRET.lower(), SECRET + "A", "%00", "%FF%FE", "..%2Fmetrics", "'", "A" * 4000]
    answers = [await ask(server.port, f"POST /callback/{secret} HTTP/1.1\nHost: a") for secret in strange]
    assert {status for status, _ in answers} == {404}
    assert len({body for _, body in answers}) == 1
    assert await ask(server.port, "POST /elsewhere HTTP/1.1\nHost: a") == answers[0]
    assert server.heard_of == []


async def test_other_methods(server: GuildFixture) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answers = [await ask(server.port, f"{method} /callback/{one} HTTP/1.1\nHost: a") for one in (SECRET, "C" * 43)]
        assert answers[0] == answers[1]
        assert answers[0][0] == 405
    assert server.heard_of == []


async def test_a_flood_to_one_address_is_cut_off_and_affects_no_other(server: GuildFixture) -> None:
    answers = await asyncio.gather(*(server.post() for _ in range(50)))
    assert sorted(answers) == [200] * 20 + [429] * 30
    assert await server.post(secret=OTHER) == 200
    assert server.drops == 30
    server.clock.move_to(server.clock.monotonic() + 2)
    assert [await server.post() for _ in range(3)] == [200, 200, 429]
