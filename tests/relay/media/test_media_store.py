"""Videos from a CDN into temporary files, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import unquote

import pytest
from aiohttp import web
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model.job import Job, JobState, Media
from model.messages import LinkReason, VideoFile, VideoLink
from relay.delivery import attachments
from relay.delivery.attachments import Attacher
from relay.delivery.fallbacks import Variant
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import REFUSALS, TRIES, Bounds, Downloader, expiry_of, media_session
from relay.media.media_store import MAX_FILES, DiskBudget, MediaStore
from relay.ports import NoMeters
from sandbox.pixverse_api.videos import video as sandbox_video
from settings import MediaHost
from tests.clock import ManualClock
from tests.idle import until_idle

MP4 = b"\x00\x00\x00\x18ftypmp42" + b"v" * 5000
LIMIT = 20_000
STEP = 2_000
SECONDS = 2.0
NOW = 1_800_000_000_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FixedClock(ManualClock):
    """A clock that never advances and never sleeps."""

    def __init__(self) -> None:
        super().__init__(NOW)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Cdn:
    """A CDN on loopback: a handler for each path, and how often each was asked."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.asked: list[str] = []
        self.port = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path_qs)
        return await self.handlers[request.path](request)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def file(self, path: str, body: bytes = MP4, content_type: str = "video/mp4", status: int = 200) -> str:
        async def handler(_: web.Request) -> web.StreamResponse:
            return web.Response(body=body, content_type=content_type, status=status)

        self.handlers[path] = handler
        return self.url(path)


@pytest.fixture
async def cdn() -> AsyncIterator[Cdn]:
    cdn = Cdn()
    app = web.Application()
    app.router.add_get("/{tail:.*}", cdn.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    cdn.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    yield cdn
    await runner.cleanup()


@asynccontextmanager
async def within(bounds: Bounds, cdn: Cdn, folder: Path) -> AsyncIterator[MediaStore]:
    hosts = AllowedHosts([MediaHost("127.0.0.1", cdn.port, plain_http=True, wildcard=False)])
    clock = FixedClock()
    async with media_session(hosts) as session:
        downloader = Downloader(session, hosts, bounds, clock.sleep)
        store = MediaStore(downloader, folder / "media", bounds.max_bytes, 2, clock, NoMeters())
        store.sweep()
        yield store


@pytest.fixture
async def store(cdn: Cdn, tmp_path: Path) -> AsyncIterator[MediaStore]:
    async with within(Bounds(LIMIT, seconds=SECONDS, step_seconds=0.2, step_bytes=STEP), cdn, tmp_path) as made:
        yield made


def job(*media: Media) -> Job:
    return Job("job:1", JobState.COMPLETED, "completed", media=media)


async def only(store: MediaStore, media: Media) -> VideoFile | VideoLink:
    async with store.fetch(1, job(media)) as videos:
        assert len(videos) == 1
        return videos[0]


async def test_bytes_order_and_cleanup(cdn: Cdn, store: MediaStore, tmp_path: Path) -> None:
    media = [Media(cdn.file(f"/{k}.mp4", MP4 + bytes([k]))) for k in range(4)]
    async with store.fetch(1, job(*media)) as videos:
        files = [video for video in videos if isinstance(video, VideoFile)]
        assert [file.index for file in files] == [1, 2, 3, 4]
        assert [file.path.read_bytes() for file in files] == [MP4 + bytes([k]) for k in range(4)]
        assert {file.extension for file in files} == {".mp4"}
    assert list((tmp_path / "media").iterdir()) == []


async def test_many_holders_share_one_download(cdn: Cdn, store: MediaStore) -> None:
    media = Media(cdn.file("/a.mp4"))
    async with store.fetch(1, job(media)) as first:
        async with store.fetch(1, job(media)) as second:
            assert first == second
        assert isinstance(first[0], VideoFile)
        assert first[0].path.read_bytes() == MP4
    assert len(cdn.asked) == 1


async def test_query_and_escapes_arrive_unchanged(cdn: Cdn, store: MediaStore) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(body=MP4, content_type="video/mp4")

    cdn.handlers["/a/b.mp4"] = handler
    await only(store, Media(cdn.url("/a%2Fb.mp4?ex=ffffffff&is=1&hm=00&")))
    assert cdn.asked == ["/a%2Fb.mp4?ex=ffffffff&is=1&hm=00&"]


@pytest.mark.parametrize(
    ("body", "served", "extension"),
    [
        (MP4, "application/octet-stream", ".mp4"),
        (b"\x1aE\xdf\xa3" + b"w" * 50, "video/webm", ".webm"),
        (b"GIF89a" + b"g" * 50, "image/gif", ".gif"),
        (b"\x00" * 64, "video/quicktime", ".mov"),
        (b"\x00" * 64, "video/mp4", ".mp4"),
    ],
)
async def test_the_file_extension_fits_the_file(
    cdn: Cdn, store: MediaStore, body: bytes, served: str, extension: str
) -> None:
    video = await only(store, Media(cdn.file("/file", body, served)))
    assert isinstance(video, VideoFile)
    assert video.extension == extension


@pytest.mark.parametrize(
    ("body", "served"),
    [
        (b"<!doctype html><p>no", "text/html"),
        (b"<html>", "video/mp4"),
        (b"\x89PNG....", "image/png"),
        (b"{}", "application/json"),
    ],
)
async def test_not_a_video(cdn: Cdn, store: MediaStore, body: bytes, served: str) -> None:
    video = await only(store, Media(cdn.file("/file", body, served)))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.content_type) == (LinkReason.NOT_A_VIDEO, served)


async def test_too_large_by_its_header(cdn: Cdn, store: MediaStore) -> None:
    video = await only(store, Media(cdn.file("/big", MP4 * 10)))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.size, video.limit) == (LinkReason.TOO_LARGE, len(MP4) * 10, LIMIT)


@pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False)])
async def test_one_byte_too_many_in_a_file_of_unknown_length(
    cdn: Cdn, store: MediaStore, size: int, fits: bool
) -> None:
    async def without_length(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        await response.write(MP4.ljust(size, b"v"))
        return response

    cdn.handlers["/long"] = without_length
    video = await only(store, Media(cdn.url("/long")))
    assert isinstance(video, VideoFile) == fits


async def test_an_endless_file(cdn: Cdn, store: MediaStore, tmp_path: Path) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        while True:
            await response.write(MP4)

    cdn.handlers["/endless"] = endless
    video = await only(store, Media(cdn.url("/endless")))
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.TOO_LARGE
    assert list((tmp_path / "media").iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_dead_link(cdn: Cdn, store: MediaStore, status: int) -> None:
    video = await only(store, Media(cdn.file("/gone", b"no longer available", "text/plain", status)))
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.NOT_THERE
    assert len(cdn.asked) == REFUSALS


@pytest.mark.parametrize(
    ("host_time", "reason"),
    [(NOW, LinkReason.EXPIRED), (NOW - 1000, LinkReason.NOT_THERE), (None, LinkReason.NOT_THERE)],
)
async def test_a_link_has_expired_if_its_host_says_so_by_its_own_clock(
    cdn: Cdn, store: MediaStore, host_time: int | None, reason: LinkReason
) -> None:
    async def gone(_: web.Request) -> web.StreamResponse:
        said = "no date" if host_time is None else formatdate(host_time / 1000, usegmt=True)
        return web.Response(status=404, headers={"Date": said})

    cdn.handlers["/a.mp4"] = gone
    video = await only(store, Media(cdn.url(f"/a.mp4?ex={NOW // 1000:x}&hm=0")))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.expires_at) == (reason, NOW)


@pytest.mark.parametrize("expiry", [1, NOW // 1000 - 172_800, NOW // 1000])
async def test_a_link_that_looks_expired_by_the_local_clock_is_downloaded(
    cdn: Cdn, store: MediaStore, expiry: int
) -> None:
    assert isinstance(await only(store, Media(cdn.file("/a.mp4") + f"?ex={expiry:x}&hm=0")), VideoFile)
    assert len(cdn.asked) == 1


async def test_a_host_that_refuses_once_is_tried_again(cdn: Cdn, store: MediaStore) -> None:
    async def late(_: web.Request) -> web.StreamResponse:
        return web.Response(status=404) if len(cdn.asked) == 1 else web.Response(body=MP4)

    cdn.handlers["/a.mp4"] = late
    assert isinstance(await only(store, Media(cdn.url("/a.mp4"))), VideoFile)


async def test_a_truncated_file_then_a_whole_one(cdn: Cdn, store: MediaStore) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        if len(cdn.asked) == 1:
            response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": str(len(MP4))})
            await response.prepare(request)
            await response.write(MP4[:100])
            request.transport.close()  # type: ignore[union-attr]
            return response
        return web.Response(body=MP4, content_type="video/mp4")

    cdn.handlers["/a.mp4"] = handler
    async with store.fetch(1, job(Media(cdn.url("/a.mp4")))) as videos:
        assert isinstance(videos[0], VideoFile)
        assert videos[0].path.read_bytes() == MP4


def _hangs_up(body: bytes, first: int = 0) -> Handler:
    """Sends these bytes without a length, the first so many of them apart."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "binary/octet-stream", "Connection": "close"})
        response.force_close()
        await response.prepare(request)
        for piece in (body[:first], body[first:]):
            await response.write(piece)
            await asyncio.sleep(0.02)
        return response

    return handler


@pytest.mark.parametrize("size", [None, 1, 10**9])
async def test_half_a_file_without_a_length(cdn: Cdn, tmp_path: Path, size: int | None) -> None:
    whole = sandbox_video("a boat")
    cdn.handlers["/half"] = _hangs_up(whole[: len(whole) // 2])
    cdn.handlers["/whole"] = _hangs_up(whole)
    async with within(Bounds(10**6, seconds=5.0, step_seconds=2.0), cdn, tmp_path) as store:
        half = await only(store, Media(cdn.url("/half"), "video/mp4", size=size))
        assert isinstance(half, VideoLink)
        assert (half.reason, half.tries) == (LinkReason.FETCH_FAILED, TRIES)
        assert isinstance(await only(store, Media(cdn.url("/whole"), "video/mp4", size=size)), VideoFile)


@pytest.mark.parametrize("first", [1, 4, 11])
async def test_more_than_the_first_chunk_decides_the_type(cdn: Cdn, store: MediaStore, first: int) -> None:
    cdn.handlers["/a"] = _hangs_up(MP4, first)
    assert isinstance(await only(store, Media(cdn.url("/a"))), VideoFile)


@pytest.mark.parametrize(("status", "may_pass"), [(408, True), (429, True), (500, True), (502, True), (418, False)])
async def test_a_server_error_is_retried_and_then_reported(
    cdn: Cdn, store: MediaStore, status: int, may_pass: bool
) -> None:
    video = await only(store, Media(cdn.file("/a.mp4", b"", "text/plain", status)))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.tries, video.may_pass) == (LinkReason.FETCH_FAILED, TRIES, may_pass)
    assert len(cdn.asked) == TRIES


async def test_a_host_that_takes_no_connection_may_do_so_soon(tmp_path: Path) -> None:
    nobody = Cdn()
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody.port = bound.getsockname()[1]
        async with within(Bounds(LIMIT), nobody, tmp_path) as store:
            video = await only(store, Media(nobody.url("/a.mp4")))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.may_pass) == (LinkReason.FETCH_FAILED, True)


async def test_a_silent_host_is_not_waited_for(cdn: Cdn, store: MediaStore) -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    cdn.handlers["/silent"] = silent
    video = await only(store, Media(cdn.url("/silent")))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.may_pass) == (LinkReason.FETCH_FAILED, False)


def _trickle(piece: int, seconds: float) -> Handler:
    """Sends a whole video in pieces."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Length": str(len(MP4))})
        await response.prepare(request)
        for begin in range(0, len(MP4), piece):
            await response.write(MP4[begin : begin + piece])
            await asyncio.sleep(seconds)
        return response

    return handler


async def test_a_trickling_host_counts_as_silent(cdn: Cdn, store: MediaStore) -> None:
    """The file would be complete after 2.5 s, and the host is never silent for long."""
    cdn.handlers["/drip"] = _trickle(20, 0.01)
    begun = asyncio.get_running_loop().time()
    video = await only(store, Media(cdn.url("/drip")))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.tries) == (LinkReason.FETCH_FAILED, TRIES)
    assert asyncio.get_running_loop().time() - begun < SECONDS


async def test_a_slow_host_at_the_minimum_rate_delivers_its_video(cdn: Cdn, store: MediaStore) -> None:
    """The download takes longer than a single step may."""
    cdn.handlers["/slow"] = _trickle(STEP // 2, 0.06)
    video = await only(store, Media(cdn.url("/slow")))
    assert isinstance(video, VideoFile)
    assert len(cdn.asked) == 1


async def test_all_tries_together_have_a_time_limit(cdn: Cdn, tmp_path: Path) -> None:
    cdn.handlers["/slow"] = _trickle(20, 0.01)
    async with within(Bounds(LIMIT, seconds=0.3, step_seconds=0.2, step_bytes=100), cdn, tmp_path) as store:
        video = await only(store, Media(cdn.url("/slow")))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.tries) == (LinkReason.FETCH_FAILED, 1)


async def redirect_to(cdn: Cdn, store: MediaStore, target: str) -> VideoFile | VideoLink:
    async def redirect(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": target})

    cdn.handlers["/redirect"] = redirect
    return await only(store, Media(cdn.url("/redirect")))


async def test_redirect_to_an_allowed_host(cdn: Cdn, store: MediaStore) -> None:
    cdn.file("/a.mp4")
    assert isinstance(await redirect_to(cdn, store, "/a.mp4"), VideoFile)


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/a.mp4", "http://localhost/a.mp4", "file:///etc/passwd", "https://169.254.169.254/"]
)
async def test_redirect_to_another_host(cdn: Cdn, store: MediaStore, target: str) -> None:
    video = await redirect_to(cdn, store, target)
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.HOST_NOT_ALLOWED


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("/bo\u00f6t 1.mp4?n=\u00e9 x", "/bo%C3%B6t%201.mp4?n=%C3%A9%20x"),
        ("/a%2Fb%20c.mp4?hm=%41&", "/a%2Fb%20c.mp4?hm=%41&"),
    ],
)
async def test_an_address_is_encoded_once(cdn: Cdn, store: MediaStore, address: str, asked: str) -> None:
    cdn.file(unquote(address.partition("?")[0]))
    assert isinstance(await only(store, Media(cdn.url(address))), VideoFile)
    assert isinstance(await redirect_to(cdn, store, address), VideoFile)
    assert cdn.asked == [asked, "/redirect", asked]


async def test_a_redirect_loop(cdn: Cdn, store: MediaStore) -> None:
    video = await redirect_to(cdn, store, "/redirect")
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.FETCH_FAILED


async def test_files_beyond_a_message_s_limit_stay_links_without_a_download(cdn: Cdn, store: MediaStore) -> None:
    media = [Media(cdn.file(f"/{k}.mp4", MP4 + bytes([k]))) for k in range(12)]
    async with store.fetch(1, job(*media)) as videos:
        links = [video for video in videos if isinstance(video, VideoLink)]
        assert [(link.index, link.reason) for link in links] == [(11, LinkReason.TOO_MANY), (12, LinkReason.TOO_MANY)]
        assert len(videos) == 12
    assert len(cdn.asked) == 10


async def test_leftovers_are_swept(store: MediaStore, tmp_path: Path) -> None:
    (tmp_path / "media" / "old.part").write_bytes(b"x")
    assert store.sweep() == 1
    assert list((tmp_path / "media").iterdir()) == []


async def test_a_holder_that_gives_up_leaves_nothing_behind(cdn: Cdn, store: MediaStore, tmp_path: Path) -> None:
    started = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "video/mp4"})
        await response.prepare(request)
        await response.write(MP4)
        started.set()
        await asyncio.Event().wait()
        return response

    cdn.handlers["/slow"] = silent
    holder = asyncio.create_task(only(store, Media(cdn.url("/slow"))))
    await started.wait()
    holder.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holder
    assert list((tmp_path / "media").iterdir()) == []


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_disk_budget_admits_what_fits() -> None:
    budget = DiskBudget(10)
    await budget.take(6)
    second = asyncio.create_task(budget.take(5))
    await _turns()
    assert not second.done()
    budget.give_back(1)
    await second


async def test_a_stream_of_small_jobs_does_not_overtake_a_large_one() -> None:
    budget = DiskBudget(10)
    await budget.take(1)
    large = asyncio.create_task(budget.take(10))
    await _turns()
    small = [asyncio.create_task(budget.take(1)) for _ in range(3)]
    await _turns()
    assert not any(task.done() for task in small)
    budget.give_back(1)
    await large
    budget.give_back(10)
    await asyncio.gather(*small)


async def test_giving_up_the_wait_for_space_passes_the_turn_on() -> None:
    budget = DiskBudget(10)
    await budget.take(6)
    large, small = asyncio.create_task(budget.take(10)), asyncio.create_task(budget.take(4))
    await _turns()
    large.cancel()
    await small


class _SilentHost:
    """Replaces the hosts: downloads from `silent.example` fail after 93 seconds, all others work."""

    def __init__(self, clock: ManualClock) -> None:
        self.asked: list[str] = []
        self.silent = True
        self._clock = clock

    async def fetch(self, index: int, media: Media, path: Path) -> VideoFile | VideoLink:
        self.asked.append(media.url)
        if "silent" in media.url and self.silent:
            await self._clock.sleep(93)
            return VideoLink(index, media.url, LinkReason.FETCH_FAILED, tries=TRIES)
        path.write_bytes(MP4)
        return VideoFile(index, path, ".mp4", len(MP4))


@pytest.fixture
def hosts_and_store(tmp_path: Path) -> tuple[ManualClock, _SilentHost, MediaStore]:
    clock = ManualClock(NOW)
    hosts = _SilentHost(clock)
    made = MediaStore(cast("Downloader", hosts), tmp_path / "media", LIMIT, 3, clock, NoMeters())
    made.sweep()
    return clock, hosts, made


async def _one_each(store: MediaStore, *urls: str) -> list[asyncio.Task[VideoFile | VideoLink]]:
    async def fetched(number: int, url: str) -> VideoFile | VideoLink:
        async with store.fetch(number, job(Media(url))) as videos:
            return videos[0]

    tasks = [asyncio.create_task(fetched(number, url)) for number, url in enumerate(urls)]
    await until_idle()
    return tasks


async def _later(clock: ManualClock, seconds: float) -> None:
    clock.advance(round(seconds * 1000))
    await until_idle()


async def test_a_silent_host_soon_delays_no_other(
    hosts_and_store: tuple[ManualClock, _SilentHost, MediaStore],
) -> None:
    clock, hosts, store = hosts_and_store
    silent = await _one_each(store, *(f"https://silent.example/{number}.mp4" for number in range(40)))
    (other,) = await _one_each(store, "https://other.example/a.mp4")
    await _later(clock, 93)

    assert other.done()
    assert isinstance(other.result(), VideoFile)
    assert all(task.done() for task in silent)
    links = [task.result() for task in silent]
    assert sum("silent" in url for url in hosts.asked) == 3
    assert [link.may_pass for link in links if isinstance(link, VideoLink)] == [False] * 3 + [True] * 37


async def test_a_silent_host_is_tried_by_one_download_at_a_time_until_it_works(
    hosts_and_store: tuple[ManualClock, _SilentHost, MediaStore],
) -> None:
    clock, hosts, store = hosts_and_store
    urls = [f"https://silent.example/{number}.mp4" for number in range(5)]
    await _one_each(store, *urls)
    await _later(clock, 93)
    hosts.asked.clear()

    await _later(clock, 120)
    await _one_each(store, *urls)
    assert len(hosts.asked) == 1
    await _later(clock, 93)
    hosts.silent = False
    await _later(clock, 120)
    await _one_each(store, urls[0])
    assert [type(task.result()) for task in await _one_each(store, *urls)] == [VideoFile] * 5


async def test_a_host_that_fails_now_and_then_is_always_tried(
    hosts_and_store: tuple[ManualClock, _SilentHost, MediaStore],
) -> None:
    clock, hosts, store = hosts_and_store
    for number in range(6):
        hosts.silent = number % 3 > 0
        await _one_each(store, f"https://silent.example/{number}.mp4")
        await _later(clock, 93)
    assert len(hosts.asked) == 6


class _Lies:
    """Replaces host and disk: writes a given number of bytes, whatever length was announced."""

    def __init__(self, written: list[int], ends: list[str]) -> None:
        self._written = written
        self._ends = ends

    async def fetch(self, index: int, media: Media, path: Path) -> VideoFile | VideoLink:
        number = int(media.url)
        size = self._written[number % len(self._written)]
        for part in (size // 2, size):
            path.write_bytes(b"v" * part)
            await asyncio.sleep(0)
        match self._ends[number % len(self._ends)]:
            case "whole":
                return VideoFile(index, path, ".mp4", size)
            case "link":
                return VideoLink(index, media.url, LinkReason.FETCH_FAILED)
            case _:
                raise OSError("no room")


_MOST = 6


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=12),
    claimed=st.lists(st.none() | st.integers(0, 10**12), min_size=1, max_size=5),
    written=st.lists(st.integers(1, _MOST), min_size=1, max_size=7),
    ends=st.lists(st.sampled_from(["whole", "whole", "link", "full disk"]), min_size=1, max_size=7),
    given_up=st.sets(st.integers(0, 11)),
    held=st.lists(st.integers(0, 150), min_size=1, max_size=5),
    parallel=st.integers(1, 3),
)
@example([10] * 5, [1], [_MOST], ["whole"], set(), [150], 3)
def test_no_claimed_size_writes_more_to_the_disk_or_blocks_anybody_forever(
    counts: list[int],
    claimed: list[int | None],
    written: list[int],
    ends: list[str],
    given_up: set[int],
    held: list[int],
    parallel: int,
) -> None:
    async def play(folder: Path) -> None:
        lies = _Lies(written, ends)
        store = MediaStore(lies, folder, _MOST, parallel, FixedClock(), NoMeters())  # type: ignore[arg-type]
        room = _MOST * max(parallel * 4, MAX_FILES)
        most = 0

        def on_disk() -> int:
            return sum(path.stat().st_size for path in folder.iterdir())

        async def post(number: int) -> None:
            nonlocal most
            media = [
                Media(str(number * 12 + k), size=claimed[(number + k) % len(claimed)]) for k in range(counts[number])
            ]
            with suppress(OSError):
                async with store.fetch(number, job(*media)):
                    for _ in range(held[number % len(held)]):
                        await asyncio.sleep(0)

        tasks = [asyncio.create_task(post(number)) for number in range(len(counts))]
        for number in sorted(given_up):
            await asyncio.sleep(0)
            if number < len(tasks):
                tasks[number].cancel()
        async with asyncio.timeout(10):
            while not all(task.done() for task in tasks):
                most = max(most, on_disk())
                await asyncio.sleep(0)
        assert most <= room
        assert on_disk() == 0
        async with asyncio.timeout(10):  # All the space is free again.
            await asyncio.gather(*(store._budget.take(_MOST) for _ in range(room // _MOST)))

    with TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def test_bytes_written_count_whatever_size_the_api_claims(cdn: Cdn, store: MediaStore, tmp_path: Path) -> None:
    body = MP4 + b"v" * (LIMIT - len(MP4) - 1)
    url, most = cdn.file("/a.mp4", body), LIMIT * MAX_FILES
    seen: list[int] = []

    async def post(job_id: int) -> None:
        async with store.fetch(job_id, job(*(Media(url, size=1) for _ in range(4)))):
            for _ in range(50):
                await asyncio.sleep(0)
            seen.append(sum(path.stat().st_size for path in (tmp_path / "media").iterdir()))

    async with asyncio.timeout(10):
        await asyncio.gather(*(post(job_id) for job_id in range(8)))
    assert len(seen) == 8
    assert max(seen) <= most


async def test_many_jobs_of_ten_files_all_get_their_space(cdn: Cdn, store: MediaStore) -> None:
    url = cdn.file("/a.mp4", MP4)

    async def post(job_id: int) -> int:
        async with store.fetch(job_id, job(*(Media(url, size=1) for _ in range(12)))) as videos:
            return len(videos)

    async with asyncio.timeout(20):
        assert await asyncio.gather(*(post(job_id) for job_id in range(6))) == [12] * 6


async def test_fresh_links_need_no_more_space_than_the_old_ones_released(cdn: Cdn, store: MediaStore) -> None:
    old = job(*(Media(cdn.file(f"/old{number}.mp4", status=410)) for number in range(8)))
    fresh = job(*(Media(cdn.file(f"/new{number}.mp4")) for number in range(8)))

    async def refresh_links(job_id: int, guild_id: int) -> Job:
        return fresh

    attacher = Attacher(store, refresh_links, FixedClock())
    bounds = attachments.UploadBounds(guild_id=1, may_attach=True, learned=None, nominal=None)
    async with asyncio.timeout(5), attacher.attachments(1, old, Variant(), bounds) as found:
        assert found.job == fresh
        assert [file.index for file in found.files] == list(range(1, 9))


def test_expiry_of_a_signed_link() -> None:
    assert expiry_of("https://cdn.example/a.mp4?ex=65f0e1d0&is=1&hm=2&") == 0x65F0E1D0 * 1000
    assert expiry_of("https://cdn.example/a.mp4?ex=zz") is None
    assert expiry_of("https://cdn.example/a.mp4") is None


async def test_an_image_is_downloaded_only_for_an_image_job(cdn: Cdn, store: MediaStore) -> None:
    png = b"\x89PNG\r\n\x1a\n" + b"i" * 500
    url = cdn.file("/a.png", png, "image/png")
    made = await only(store, Media(url, "image/png", image=True))
    assert isinstance(made, VideoFile)
    assert made.extension == ".png"
    page = cdn.file("/page.png", b"<html>", "image/png")
    for media in (Media(url, "image/png"), Media(page, "image/png", image=True)):
        other = await only(store, media)
        assert isinstance(other, VideoLink)
        assert other.reason is LinkReason.NOT_A_VIDEO


@pytest.mark.parametrize("status", [200, 202, 204, 425])
async def test_an_empty_or_promised_file_is_not_there_yet(cdn: Cdn, store: MediaStore, status: int) -> None:
    url = cdn.file("/v.mp4", b"", status=status)
    video = await only(store, Media(url))
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.NOT_THERE
    assert len(cdn.asked) == REFUSALS


def _whole_mp4() -> bytes:
    boxes = ((b"ftyp", b"isom" + bytes(8)), (b"moov", b"m" * 200), (b"mdat", b"v" * 4000))
    return b"".join((len(content) + 8).to_bytes(4, "big") + kind + content for kind, content in boxes)


async def test_a_growing_file_is_not_there_yet(cdn: Cdn, store: MediaStore) -> None:
    """The host reports the current length; the next attempt may find the file complete."""
    whole = _whole_mp4()
    lengths = iter((len(whole) // 4, len(whole) // 2, len(whole)))

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=whole[: next(lengths)], content_type="video/mp4")

    cdn.handlers["/v.mp4"] = handler
    media = Media(cdn.url("/v.mp4"))
    video = await only(store, media)
    assert isinstance(video, VideoLink)
    assert video.reason is LinkReason.NOT_THERE
    assert isinstance(await only(store, media), VideoFile)


async def test_a_file_that_stays_incomplete_is_not_a_growing_one(cdn: Cdn, store: MediaStore) -> None:
    whole = _whole_mp4()
    video = await only(store, Media(cdn.file("/v.mp4", whole[: len(whole) // 2])))
    assert isinstance(video, VideoLink)
    assert (video.reason, video.tries) == (LinkReason.FETCH_FAILED, TRIES)
