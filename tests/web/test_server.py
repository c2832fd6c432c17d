"""Who is answered at which address, and for how long."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from sandbox.ports import free_port
from settings import SettingsError
from tests.web.port import ask, port_at
from web.http_connection import TimeLimits
from web.http_messages import Handler, Request, Response
from web.parsing import MAX_BODY_BYTES
from web.server import PortTaken, Route, callback_routes, monitoring_routes, serving, try_port

PUBLIC = "https://relay.example.org/bots"
QUICK = TimeLimits(head=0.1, body=0.1, response=0.1, closing=0.1)


async def _health(_request: Request) -> Response:
    return Response(b"health")


async def _metrics(_request: Request) -> Response:
    return Response(b"metrics")


async def _callback(request: Request) -> Response:
    return Response(f"{request.head.path} {len(await request.read())}".encode())


async def _never(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


CALLBACKS = callback_routes(_callback, PUBLIC)


@asynccontextmanager
async def _port(
    routes: list[Route], *, max_connections: int = 200, seconds: TimeLimits | None = None
) -> AsyncIterator[int]:
    number = free_port()
    async with serving(routes, port_at(number, max_connections=max_connections), seconds or TimeLimits()):
        yield number


@pytest.fixture
async def monitoring() -> AsyncIterator[int]:
    async with _port(monitoring_routes(_health, _metrics)) as number:
        yield number


@pytest.fixture
async def callbacks() -> AsyncIterator[int]:
    async with _port(CALLBACKS) as number:
        yield number


HOSTS = [
    "HTTP/1.0",
    "HTTP/1.1\nHost: 127.0.0.1",
    "HTTP/1.1\nHost:",
    "HTTP/1.1\nHost: relay.example.org",
    "HTTP/1.1\nHost: relay.example.org.",
    "HTTP/1.1\nHost: [::1",
    "HTTP/1.1\nHost: 127.0.0.1\nX-Forwarded-Host: relay.example.org\nForwarded: host=relay.example.org",
]


@pytest.mark.parametrize("host", HOSTS)
async def test_the_monitoring_port_serves_only_monitoring(monitoring: int, host: str) -> None:
    assert await ask(monitoring, f"GET /healthz {host}") == (200, b"health")
    assert await ask(monitoring, f"GET /metrics?a=b {host}") == (200, b"metrics")
    for path in ("/callback/abc", "/bots/callback/abc", "/", "/other"):
        assert (await ask(monitoring, f"POST {path} {host}"))[0] == 404


@pytest.mark.parametrize("host", HOSTS)
async def test_the_callback_port_serves_only_callbacks(callbacks: int, host: str) -> None:
    for path in ("/callback/abc", "/bots/callback/abc"):
        assert await ask(callbacks, f"POST {path} {host}") == (200, f"{path} 0".encode())
    for path in ("/healthz", "/metrics", "/bots/metrics", "/", "/callback/../metrics", "/callback/%2e%2e/metrics"):
        for method in ("GET", "POST", "HEAD"):
            assert (await ask(callbacks, f"{method} {path} {host}"))[0] == 404


async def test_other_methods_and_paths(monitoring: int, callbacks: int) -> None:
    assert (await ask(callbacks, "GET /callback/abc HTTP/1.1\nHost: a"))[0] == 405
    assert (await ask(monitoring, "POST /healthz HTTP/1.1\nHost: a"))[0] == 405
    for path in ("/callback", "/callback/", "/callback/a/b", "//callback/a", "/CALLBACK/a"):
        assert (await ask(callbacks, f"POST {path} HTTP/1.1\nHost: a"))[0] == 404


async def test_head_gets_no_body(monitoring: int) -> None:
    assert await ask(monitoring, "HEAD /healthz HTTP/1.1\nHost: a") == (200, b"")
    assert await ask(monitoring, "HEAD /other HTTP/1.1\nHost: a") == (404, b"")


async def test_a_body_has_a_limit(callbacks: int) -> None:
    head = "POST /callback/abc HTTP/1.1\nHost: a\nContent-Length: "
    fits = b"x" * MAX_BODY_BYTES
    assert await ask(callbacks, head + str(len(fits)), fits) == (200, f"/callback/abc {len(fits)}".encode())
    assert (await ask(callbacks, head + str(len(fits) + 1), fits + b"x"))[0] == 413


async def test_a_client_that_expects_100_continue_gets_it(callbacks: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", callbacks)
    writer.write(b"POST /callback/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.read()).endswith(b"/callback/a 2")
    writer.close()


async def test_what_follows_a_request_gets_no_response(callbacks: int) -> None:
    more = b"{}POST /callback/b HTTP/1.1\r\n\r\nGET http://xn--a/ HTTP/1.1\r\n\r\n"
    answered = await ask(callbacks, "POST /callback/a HTTP/1.1\nHost: a\nContent-Length: 2", more)
    assert answered == (200, b"/callback/a 2")


async def test_a_client_that_closes_its_half_gets_a_response() -> None:
    may_end = asyncio.Event()

    async def slow(_request: Request) -> Response:
        await may_end.wait()
        return Response(b"late")

    async with _port(monitoring_routes(_health, slow)) as number:
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        writer.write_eof()
        for _ in range(3):
            assert (await ask(number, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200
        may_end.set()
        assert (await reader.read()).endswith(b"late")
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"POST /callback/a HT", b"POST /callback/a HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_disconnecting_early_fills_no_log(callbacks: int, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    for reset in (True, False):
        _, writer = await asyncio.open_connection("127.0.0.1", callbacks)
        writer.write(sent)
        await writer.drain()
        _reset(writer) if reset else writer.close()
    assert (await ask(callbacks, "POST /callback/a HTTP/1.1\nHost: a"))[0] == 200
    assert [record for record in caplog.records if record.levelname != "INFO"] == []


def _reset(writer: asyncio.StreamWriter) -> None:
    """Hangs up as a process does that is killed, and not as one that has said all it wanted to."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("hang_up", [_reset, asyncio.StreamWriter.close])
async def test_disconnecting_within_the_body_ends_the_wait(
    hang_up: Callable[[asyncio.StreamWriter], None],
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waiting(request: Request) -> Response:
        begun.set()
        try:
            return Response(await request.read())
        finally:
            ended.set()

    async with _port(callback_routes(waiting, None)) as number, asyncio.timeout(2):
        _, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"POST /callback/a HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf")
        await begun.wait()
        hang_up(writer)
        await ended.wait()


async def test_an_internal_error_is_logged_and_not_shown_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_request: Request) -> Response:
        raise KeyError("inside")

    async with _port(monitoring_routes(broken, broken)) as number:
        status, body = await ask(number, "GET /healthz HTTP/1.1\nHost: a")
    assert (status, body) == (500, b"500 Internal Server Error\n")
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "a handler of the HTTP port failed"
    ]


async def test_a_port_in_use_is_reported_as_a_setting(monitoring: int) -> None:
    with pytest.raises(SettingsError, match=rf"^HTTP_HOST, HTTP_PORT: 127\.0\.0\.1, port {monitoring} .*in use"):
        async with serving([], port_at(monitoring)):
            pass


async def test_a_host_that_is_not_this_machine() -> None:
    with pytest.raises(SettingsError, match="can't be used"):
        async with serving([], port_at(free_port(), "nowhere.invalid")):
            pass


async def test_an_address_is_tested_as_it_would_be_listened_on(monitoring: int) -> None:
    with pytest.raises(PortTaken, match="in use"):
        await try_port(port_at(monitoring))
    for host in ("nowhere.invalid", "203.0.113.9"):
        with pytest.raises(SettingsError, match="can't be used") as caught:
            await try_port(port_at(free_port(), host))
        assert not isinstance(caught.value, PortTaken)
    number = free_port()
    await try_port(port_at(number))
    async with serving([], port_at(number)):
        pass


async def test_shutdown_does_not_wait_for_silent_clients() -> None:
    number = free_port()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving([], port_at(number)))
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET / HTTP/1.1\r\n")
        async with asyncio.timeout(1):
            await stack.aclose()
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_at_shutdown_a_started_response_is_still_sent() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        await may_end.wait()
        return Response(b"late")

    number = free_port()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serving(monitoring_routes(slow, slow), port_at(number)))
        asking = asyncio.create_task(ask(number, "GET /healthz HTTP/1.1\nHost: a"))
        await begun.wait()
        asyncio.get_running_loop().call_soon(may_end.set)
        await stack.aclose()
    assert await asking == (200, b"late")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (b"POST /callback/a HTTP/1.1\r\nHost:", b"408"),
        (b"POST /callback/a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhalf", b"408"),
        (b"POST /callback/a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", b"408"),
    ],
)
async def test_slow_clients_are_cut_off(sent: bytes, status: bytes) -> None:
    async with _port(CALLBACKS, seconds=QUICK) as number, asyncio.timeout(5):
        assert (await _all_of(number, sent)).split(b" ")[1:2] == [status] * bool(status)


@pytest.mark.parametrize("handler", [_never])
async def test_a_response_that_takes_too_long_is_given_up(handler: Handler) -> None:
    async with _port(monitoring_routes(handler, handler), seconds=QUICK) as number, asyncio.timeout(5):
        assert await _all_of(number, b"GET /healthz HTTP/1.1\r\n\r\n") == b""


async def test_clients_that_stay_after_the_response_are_cut_off() -> None:
    async with _port(CALLBACKS, seconds=TimeLimits(closing=0.1)) as number, asyncio.timeout(5):
        with socket.create_connection(("127.0.0.1", number)) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, b"POST /callback/a HTTP/1.1\r\n\r\n")
            with suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(client, b"more" * 1000)


async def _all_of(number: int, sent: bytes) -> bytes:
    """Everything that comes back until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(sent)
    received = b""
    with suppress(ConnectionError):
        while more := await reader.read(1000):
            received += more
    writer.close()
    return received


async def test_a_waiting_connection_makes_way_for_a_new_one_and_a_served_one_does_not() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        await may_end.wait()
        return Response(b"late")

    async with _port(monitoring_routes(_health, slow), max_connections=2) as number, asyncio.timeout(5):
        answered = asyncio.create_task(ask(number, "GET /metrics HTTP/1.1\nHost: a"))
        await begun.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", number)
        assert (await ask(number, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200
        with suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        may_end.set()
        assert await answered == (200, b"late")


async def test_if_every_connection_is_being_served_a_new_one_is_refused() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        await may_end.wait()
        return Response(b"late")

    async with _port(monitoring_routes(_health, slow), max_connections=1) as number, asyncio.timeout(5):
        answered = asyncio.create_task(ask(number, "GET /metrics HTTP/1.1\nHost: a"))
        await begun.wait()
        assert (await ask(number, "GET /healthz HTTP/1.1\nHost: a"))[0] == 0
        may_end.set()
        assert await answered == (200, b"late")
        assert (await ask(number, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200


async def test_work_for_a_client_that_left_is_dropped() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with _port(monitoring_routes(_health, slow)) as number, asyncio.timeout(5):
        _, writer = await asyncio.open_connection("127.0.0.1", number)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        await begun.wait()
        _reset(writer)
        await ended.wait()


async def test_one_address_s_idle_connections_do_not_displace_another_s() -> None:
    """All of 127.0.0.0/8 is this machine."""
    async with _port(CALLBACKS, max_connections=10) as number, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", number, local_addr=("127.0.0.2", 0))
        writer.write(b"POST /callback/a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{")
        idle = [await asyncio.open_connection("127.0.0.1", number, local_addr=("127.0.0.3", 0)) for _ in range(50)]
        writer.write(b"}")
        assert (await reader.read()).endswith(b"/callback/a 2")
        for _, one in [*idle, (reader, writer)]:
            one.close()


async def test_a_thousand_idle_connections_keep_no_callback_out() -> None:
    async with _port(CALLBACKS) as number, asyncio.timeout(20):
        idle = [await asyncio.open_connection("127.0.0.1", number) for _ in range(1000)]
        try:
            for _ in range(5):
                assert (await ask(number, "POST /callback/a HTTP/1.1\nHost: a"))[0] == 200
        finally:
            for _, writer in idle:
                writer.close()
