"""Names that resolve to private addresses, redirects, servers that speak no HTTP: through the real connector."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model.job import Media
from model.messages import LinkReason, VideoFile, VideoLink
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import TRIES, Bounds, Downloader, media_session
from settings import MediaHost

MP4 = b"\x00\x00\x00\x18ftypmp42" + b"v" * 50
GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(MP4) + MP4
NAME = "cdn.example"


class Names(AbstractResolver):
    """Resolves names as scripted and repeats the last entry; an empty entry is a name that can't be resolved."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(host)
        if not answer:
            raise OSError("no such name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0) for address in answer
        ]

    async def close(self) -> None:
        return None


class Machine:
    """A local port that always sends the same bytes and counts its connections."""

    def __init__(self) -> None:
        self.says = GOOD
        self.visitors = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visitors += 1
        await reader.read(1)
        writer.write(self.says)
        writer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@asynccontextmanager
async def _machine() -> AsyncIterator[Machine]:
    machine = Machine()
    server = await asyncio.start_server(machine.serve, "127.0.0.1", 0)
    machine.port = server.sockets[0].getsockname()[1]
    async with server:
        yield machine


async def _at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


async def _fetch(machine: Machine, names: Names, url: str, folder: Path) -> VideoFile | VideoLink:
    hosts = AllowedHosts(
        [
            MediaHost(NAME, machine.port, plain_http=False, wildcard=False),
            MediaHost("box", machine.port, plain_http=True, wildcard=False),
        ]
    )
    async with media_session(hosts, names) as session:
        downloader = Downloader(session, hosts, Bounds(10_000, seconds=6.0, step_seconds=1.0), _at_once)
        return await downloader.fetch(1, Media(url), folder / "video")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "fe80::1", "64:ff9b::7f00:1"],
)
async def test_an_allowed_name_with_a_private_address_is_not_connected_to(address: str, folder: Path) -> None:
    async with _machine() as machine:
        video = await _fetch(machine, Names([address]), f"https://{NAME}:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoLink)
        assert (video.reason, video.host) == (LinkReason.HOST_NOT_ALLOWED, NAME)
        assert machine.visitors == 0


async def test_a_name_that_resolves_differently_the_second_time(folder: Path) -> None:
    async with _machine() as machine:
        names = Names([], ["127.0.0.1"])
        video = await _fetch(machine, names, f"https://{NAME}:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoLink)
        assert video.reason is LinkReason.HOST_NOT_ALLOWED
        assert names.asked == [NAME, NAME], "looked at anew at each connection"
        assert machine.visitors == 0


async def test_a_redirect_to_an_allowed_name_with_a_private_address(folder: Path) -> None:
    async with _machine() as machine:
        target = f"https://{NAME}:{machine.port}/a.mp4"
        machine.says = (
            f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        video = await _fetch(machine, Names(["127.0.0.1"]), f"http://box:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoLink)
        assert (video.reason, video.host) == (LinkReason.HOST_NOT_ALLOWED, NAME)
        assert machine.visitors == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://user:secret@box:{port}/a.mp4",
        "https://box:{port}/a.mp4",
        "http://box/a.mp4",
        "http://box:{port}\\@evil.example/a.mp4",
        "http://box.:{port}/a.mp4",
        "http://127.0.0.1:{port}/a.mp4",
        "http://127.1:{port}/a.mp4",
        "http://2130706433:{port}/a.mp4",
        "http://0x7f.1:{port}/a.mp4",
        "http://[::ffff:7f00:1]:{port}/a.mp4",
        "gopher://box:{port}/a.mp4",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "//evil.example/a.mp4",
        "http://b%6fx:{port}/a.mp4",
    ],
)
async def test_a_redirect_that_is_not_followed(location: str, folder: Path) -> None:
    async with _machine() as machine:
        head = f"HTTP/1.1 307 X\r\nLocation: {location.format(port=machine.port)}\r\nContent-Length: 0\r\n"
        machine.says = f"{head}Connection: close\r\n\r\n".encode()
        video = await _fetch(machine, Names(["127.0.0.1"]), f"http://box:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoLink)
        assert video.reason is LinkReason.HOST_NOT_ALLOWED
        assert machine.visitors == 1


async def test_a_trusted_host_may_be_private(folder: Path) -> None:
    async with _machine() as machine:
        video = await _fetch(machine, Names(["127.0.0.1"]), f"http://box:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoFile)
        assert video.path.read_bytes() == MP4


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + MP4,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + MP4,
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + MP4[:20],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + MP4,
        b"HTTP/1.1 302 Found\r\nLocation: /a.mp4\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 20\r\n\r\n" + MP4[:20],
    ],
)
async def test_what_is_not_a_download_is_retried_and_then_a_link(says: bytes, folder: Path) -> None:
    async with _machine() as machine:
        machine.says = says
        video = await _fetch(machine, Names(["127.0.0.1"]), f"http://box:{machine.port}/a.mp4", folder)
        assert isinstance(video, VideoLink)
        assert (video.reason, video.tries) == (LinkReason.FETCH_FAILED, TRIES)
        assert machine.visitors >= TRIES


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=80).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)
    | st.binary(max_size=80).map(lambda tail: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + tail)
    | st.binary(max_size=40).map(lambda tail: b"HTTP/1.1 302 X\r\nLocation: " + tail + b"\r\nConnection: close\r\n\r\n")
    | st.binary(max_size=40).map(lambda tail: b"HTTP/1.1 200 OK\r\nContent-Type: " + tail + b"\r\n\r\n" + MP4)
    | st.sampled_from(["gzip", "deflate", "br", "zstd", "x"]).map(
        lambda coding: b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding.encode() + b"\r\n\r\n" + MP4
    )
)
async def test_no_bytes_raise_anything(folder: Path, says: bytes) -> None:
    async with _machine() as machine:
        machine.says = says
        await _fetch(machine, Names(["127.0.0.1"]), f"http://box:{machine.port}/a.mp4", folder)
