"""Who is answered at which address, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress

import pytest
from aiohttp import web

from settings import SettingsError
from tests.web.port import ask, free_port
from web.connections import Doorkeeper
from web.server import MOST_BYTES, Endpoints, PortTaken, make_application, serving, try_address

PUBLIC = "https://relay.example.org/bots"


async def _health(request: web.Request) -> web.Response:
    return web.Response(text="health")


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(text="metrics")


async def _callback(request: web.Request) -> web.Response:
    return web.Response(text=f"{request.match_info['secret']} {len(await request.read())}")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    number = free_port()
    async with serving(make_application(Endpoints(_health, _metrics, _callback), PUBLIC), "127.0.0.1", number):
        yield number


@pytest.mark.parametrize(
    ("request_text", "answer"),
    [
        ("GET /healthz HTTP/1.1\nHost: 127.0.0.1", (200, b"health")),
        ("GET /metrics HTTP/1.0", (200, b"metrics")),
        ("GET /healthz HTTP/1.1\nHost: other.example.org", (200, b"health")),
        ("POST /callback/abc HTTP/1.1\nHost: relay.example.org", (200, b"abc 0")),
        ("POST /bots/callback/abc HTTP/1.1\nHost: relay.example.org", (200, b"abc 0")),
        ("POST /callback/abc HTTP/1.1\nHost: 127.0.0.1", (200, b"abc 0")),
        ("POST https://relay.example.org/callback/abc HTTP/1.1\nHost: 127.0.0.1", (200, b"abc 0")),
        ("POST /callback/abc HTTP/1.1\nHost: x\nForwarded: host=relay.example.org", (200, b"abc 0")),
        ("GET http://other.example.org/metrics HTTP/1.1\nHost: other.example.org", (200, b"metrics")),
        ("GET /metrics HTTP/1.1\nHost: x\nForwarded: for=relay.example.org;host=y", (200, b"metrics")),
    ],
)
async def test_what_is_answered(port: int, request_text: str, answer: tuple[int, bytes]) -> None:
    assert await ask(port, request_text) == answer


@pytest.mark.parametrize(
    "path",
    ["/healthz", "/", "/bots/metrics", "/callback/../metrics", "/callback/%2e%2e/metrics", "//callback/../metrics"],
)
@pytest.mark.parametrize(
    "host",
    [
        "Host: relay.example.org",
        "Host: RELAY.example.org.:8080",
        "Host: me@relay.example.org",
        "Host: 127.0.0.1\nX-Forwarded-Host: relay.example.org",
        "Host: 127.0.0.1\nX-Forwarded-Host: relay.example.org, inner",
        "Host: 127.0.0.1\nX-Forwarded-Host: inner\nX-Forwarded-Host: relay.example.org",
        "Host: 127.0.0.1\nForwarded: for=192.0.2.1;host=relay.example.org;proto=https",
        'Host: 127.0.0.1\nForwarded: for=192.0.2.1, for="[::1]"; Host="Relay.example.org:443"',
        "Host: 127.0.0.1\nForwarded: host=inner\nForwarded: host=relay.example.org",
    ],
)
async def test_under_the_public_name_there_are_callbacks_alone(port: int, path: str, host: str) -> None:
    assert (await ask(port, f"GET {path} HTTP/1.1\n{host}"))[0] == 404


@pytest.mark.parametrize(
    "target",
    [
        "https://relay.example.org/metrics",
        "http://me@RELAY.example.org.:8080/metrics",
        "https://relay.example.org/callback/../metrics",
    ],
)
async def test_the_public_name_in_the_target_goes_before_another_host(port: int, target: str) -> None:
    assert (await ask(port, f"GET {target} HTTP/1.1\nHost: 127.0.0.1"))[0] == 404


@pytest.mark.parametrize("public", ["http://127.0.0.1:8080", "http://[::1]:8080"])
async def test_a_loopback_address_is_no_public_name(public: str) -> None:
    number = free_port()
    async with serving(make_application(Endpoints(health=_health), public), "127.0.0.1", number):
        assert await ask(number, "GET /healthz HTTP/1.1\nHost: 127.0.0.1:8080") == (200, b"health")
        assert await ask(number, "GET /healthz HTTP/1.1\nHost: [::1]:8080") == (200, b"health")


async def test_other_methods_and_paths(port: int) -> None:
    assert (await ask(port, "GET /callback/abc HTTP/1.1\nHost: a"))[0] == 405
    assert (await ask(port, "POST /healthz HTTP/1.1\nHost: a"))[0] == 405
    for path in ("/callback", "/callback/", "/callback/a/b", "/other"):
        assert (await ask(port, f"POST {path} HTTP/1.1\nHost: a"))[0] == 404


async def test_a_body_has_a_bound(port: int) -> None:
    head = "POST /callback/abc HTTP/1.1\nHost: a\nContent-Length: "
    fits = b"x" * MOST_BYTES
    assert await ask(port, head + str(len(fits)), fits) == (200, f"abc {len(fits)}".encode())
    assert (await ask(port, head + str(len(fits) + 1), fits + b"x"))[0] == 413


async def test_headers_have_a_bound(port: int) -> None:
    assert (await ask(port, "GET /healthz HTTP/1.1\nHost: a\nX: " + "x" * 20_000))[0] == 400


async def test_what_is_no_http_harms_nobody(port: int) -> None:
    assert (await ask(port, "\x00\xff garbage"))[0] in {0, 400}
    assert (await ask(port, "GET /healthz HTTP/1.1\nHost: [::1"))[0] in {200, 400}
    assert (await ask(port, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200


async def test_whoever_hangs_up_before_the_end_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    ended = asyncio.Event()

    async def callback(request: web.Request) -> web.Response:
        try:
            await request.read()
        finally:
            ended.set()
        return web.Response()

    number = free_port()
    async with serving(make_application(Endpoints(callback=callback), PUBLIC), "127.0.0.1", number):
        _, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"POST /callback/abc HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        await writer.drain()
        writer.close()
        async with asyncio.timeout(5):
            await ended.wait()
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


async def test_a_port_in_use_is_a_setting_to_change(port: int) -> None:
    with pytest.raises(SettingsError, match=rf"^HTTP_HOST, HTTP_PORT: 127\.0\.0\.1, port {port} .*in use"):
        async with serving(web.Application(), "127.0.0.1", port):
            pass


async def test_a_host_that_is_not_this_machine() -> None:
    with pytest.raises(SettingsError, match="cannot be listened at"):
        async with serving(web.Application(), "nowhere.invalid", free_port()):
            pass


async def test_an_address_is_tried_as_it_would_be_listened_at(port: int) -> None:
    with pytest.raises(PortTaken, match="in use"):
        await try_address("127.0.0.1", port)
    for host in ("nowhere.invalid", "203.0.113.9"):
        with pytest.raises(SettingsError, match="cannot be listened at") as caught:
            await try_address(host, free_port())
        assert not isinstance(caught.value, PortTaken)
    number = free_port()
    await try_address("127.0.0.1", number)
    async with serving(web.Application(), "127.0.0.1", number):
        pass


async def test_the_end_does_not_wait_for_who_says_nothing() -> None:
    number = free_port()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(web.Application(), "127.0.0.1", number))
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(5):
            await stack.aclose()
            assert await reader.read() == b""
        writer.close()


class _Doors:
    """A listener with bounds of the test's own."""

    def __init__(self, most: int, seconds: float) -> None:
        self.port = free_port()
        self._most, self._seconds = most, seconds

    async def __aenter__(self) -> _Doors:
        server = web.Server(_health)  # type: ignore[arg-type]  # it takes any request
        doorkeeper = Doorkeeper(server, most=self._most, seconds=self._seconds)
        self._listener = await asyncio.get_running_loop().create_server(doorkeeper, "127.0.0.1", self.port)
        self._server = server
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        await self._server.shutdown(0.1)


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_whoever_is_slow_is_cut_off(begun: bytes) -> None:
    async with _Doors(10, 0.1) as doors, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", doors.port)
        writer.write(begun)
        with suppress(ConnectionError):
            while await reader.read(1000):
                pass
        writer.close()


async def test_too_many_at_once_are_turned_away_and_others_find_room_again() -> None:
    async with _Doors(1, 5.0) as doors, asyncio.timeout(5):
        _, first = await asyncio.open_connection("127.0.0.1", doors.port)
        assert (await ask(doors.port, "GET / HTTP/1.0"))[0] == 0
        first.close()
        while (await ask(doors.port, "GET / HTTP/1.0"))[0] != 200:
            pass
