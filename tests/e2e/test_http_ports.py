"""Requests of strangers and proxies to the running bot's two HTTP ports."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from sandbox.pixverse_api.callbacks import CallbackPolicy
from sandbox.ports import free_port
from tests.e2e.conftest import Build
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.web.port import ask
from tests.web.strange_requests import REFUSED, random_bytes
from web.connection_limiter import room_for

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HOSTS = [
    "HTTP/1.0",
    *(f"HTTP/1.1\nHost:{name}" for name in ("", " relay.", " 127.0.0.1", " unknown", " relay.example.org")),
]
_AT_ONCE = 3.0
"""Seconds; whoever is refused is not held for longer than two after it, so that the refusal arrives."""


@dataclass(frozen=True, slots=True)
class _Ports:
    monitoring: int
    callbacks: int


@pytest.fixture(scope="module")
def ports() -> _Ports:
    return _Ports(free_port(), free_port())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory, ports: _Ports
) -> AsyncIterator[Harness]:
    settings = {
        "POLL_INTERVAL": "20",
        "HTTP_PORT": str(ports.monitoring),
        "CALLBACK_PORT": str(ports.callbacks),
        "PUBLIC_URL": f"http://127.0.0.1:{ports.callbacks}",
    }
    shared = await Harness.build(program, tmp_path_factory.mktemp("harness"), settings, fork_server)
    try:
        await shared.start()
        yield shared
    finally:
        await shared.close()


async def _called(server: GuildFixture) -> None:
    """Sets the server's account to call back to the address that its admin is shown."""
    answer = await server.admin.slash(server.channel, "pixverse-admin callback")
    found = re.search(r"`(http://[^`]+/([^`/]+))`", answer.text)
    assert found is not None, answer
    server.harness.for_one_alone.append(found[2])
    server.account.reply_url = found[1]


@pytest.mark.usefixtures("harness")
async def test_each_port_serves_only_its_own_paths(ports: _Ports) -> None:
    for host in _HOSTS:
        for path in ("/healthz", "/metrics"):
            assert (await ask(ports.monitoring, f"GET {path} {host}"))[0] == 200
            assert (await ask(ports.callbacks, f"GET {path} {host}"))[0] == 404
        assert (await ask(ports.monitoring, f"POST /callback/{'A' * 43} {host}"))[0] == 404
        assert (await ask(ports.callbacks, f"GET /callback/{'A' * 43} {host}"))[0] == 405


async def test_an_installation_of_0_1_is_told_what_to_set(build: Build) -> None:
    own = await build(HTTP_PORT=str(free_port()), PUBLIC_URL="https://relay.example.org")
    for arguments in ((), ("check",)):
        finished = await own.bot.run(*arguments)
        assert finished.code == 2
        (line,) = finished.lines
        assert line.startswith("PUBLIC_URL is set and CALLBACK_PORT is not. Since 0.1 this has changed")
        assert "Set CALLBACK_PORT" in line


async def test_malformed_requests_are_refused_at_once_and_never_logged(harness: Harness, ports: _Ports) -> None:
    said = len(harness.bot.lines)
    random = Random(3)
    # Each has an end, because the bot would wait for the rest of a partial request.
    strange = [sent for sent, _ in REFUSED.values()] + [random_bytes(random) + b"\r\n\r\n\r\n" for _ in range(100)]
    for port in (ports.callbacks, ports.monitoring):
        took = await asyncio.gather(*(_seconds_to_end(port, sent) for sent, _ in REFUSED.values()))
        assert max(took) < _AT_ONCE
        await asyncio.gather(*(_seconds_to_end(port, sent) for sent in strange))
    assert (await ask(ports.monitoring, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200
    assert harness.bot.lines[said:] == []


async def _seconds_to_end(port: int, sent: bytes) -> float:
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(ConnectionError):
        writer.write(sent)
        await writer.drain()
        while await reader.read(10_000):
            pass
    writer.close()
    return time.monotonic() - begun


@pytest.mark.parametrize("sent", [b"", b"POST /callback/", b"POST /callback/a HTTP/1.1\r\nContent-Length: 9\r\n\r\n1"])
async def test_a_thousand_slow_connections_shut_nobody_out(
    harness: Harness, server: GuildFixture, ports: _Ports, sent: bytes
) -> None:
    harness.pixverse.callbacks.policy = CallbackPolicy()
    await _called(server)
    job = await server.watched()
    said = len(harness.bot.lines)
    assert room_for(1000) == 1000, "files that this process may open"
    slow: list[asyncio.StreamWriter] = []
    try:
        for _ in range(1000):
            _, writer = await asyncio.open_connection("127.0.0.1", ports.callbacks)
            slow.append(writer)
            with suppress(ConnectionError):
                writer.write(sent)
        begun = time.monotonic()
        assert (await ask(ports.monitoring, "GET /healthz HTTP/1.1\nHost: a"))[0] == 200
        assert time.monotonic() - begun < 5
        job.complete()
        await server.outcome(timeout=8)
        assert (await ask(ports.callbacks, f"POST /callback/{'A' * 43} HTTP/1.1\nHost: a"))[0] == 404
    finally:
        for writer in slow:
            writer.close()
    told = [one for one in harness.pixverse.callbacks.sent if one.jobid == job.jobid]
    assert [one.status for one in told] == [200] * len(told)
    assert told
    assert not any("Traceback" in line or "accept" in line for line in harness.bot.lines[said:])
