"""Keeps a job's videos on the local disk: fetches them once for all deliveries, and deletes them after the last one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from model.job import Job, Media
from model.messages import LinkReason, VideoFile, VideoLink
from relay.media.download import Downloader, expiry_of
from relay.media.folder import sweep
from relay.ports import Clock, Meters

Video = VideoFile | VideoLink

MAX_FILES = 10
"""The most files that Discord accepts in one message (Discord developer docs, Create Message)."""

_SILENT_AFTER = 3
"""Downloads in a row that took long and failed before their host counts as silent."""
_SILENT_SECONDS = 120.0
"""Seconds between two tries of a silent host; longer than a download takes from a host that sends nothing."""
_LONG = 60.0
"""Seconds; only a silent or very slow host takes as long to fail."""


class DiskBudget:
    """Limits how many bytes the temporary files may take together.

    Before a job fetches anything, it waits for all the space that its files can take. So no job waits while it holds
    space. Unused space is given back as soon as the sizes are known. Requests are granted in order, so that a stream of
    small jobs cannot overtake a large one."""

    def __init__(self, total: int) -> None:
        self._free = total
        self._turn = asyncio.Lock()
        self._given_back = asyncio.Event()

    async def take(self, size: int) -> None:
        """Waits until `size` bytes are free and takes them. `size` must not exceed the total."""
        async with self._turn:
            while self._free < size:
                self._given_back.clear()
                await self._given_back.wait()
            self._free -= size

    def give_back(self, size: int) -> None:
        self._free += size
        self._given_back.set()


class SilentHosts:
    """The hosts from which several downloads in a row took long and failed, as when a host accepts connections and
    sends nothing.

    Further downloads from such a host fail at once, so that they don't occupy what other hosts' downloads need. Every
    two minutes one of them is tried; if it works, all are.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, int] = {}
        """By host: how many downloads in a row took long and failed."""
        self._next_try: dict[str, float] = {}
        """When a silent host is tried again, in monotonic seconds."""

    def may_try(self, host: str) -> bool:
        """Whether to download from the host now. If it is silent, the caller is the only one that may."""
        now = self._clock.monotonic()
        if host in self._next_try:
            if self._next_try[host] > now:
                return False
            self._next_try[host] = now + _SILENT_SECONDS
        return True

    def worked(self, host: str) -> None:
        """Notes that the host has responded in time."""
        self._failures.pop(host, None)
        self._next_try.pop(host, None)

    def took_long_and_failed(self, host: str) -> None:
        """Notes a download that took long and failed."""
        self._failures[host] = self._failures.get(host, 0) + 1
        if self._failures[host] >= _SILENT_AFTER:
            self._next_try[host] = self._clock.monotonic() + _SILENT_SECONDS


@dataclass(slots=True)
class _Shared:
    """The files of one response about one job, shared by all deliveries that hold them."""

    paths: list[Path]
    holders: int = 0
    room: int = 0
    """Bytes taken from the budget."""
    task: asyncio.Task[tuple[Video, ...]] = field(init=False)


class MediaStore:
    """Provides jobs' videos. At most `parallel` downloads run at once, for all jobs together."""

    def __init__(
        self, downloader: Downloader, folder: Path, max_bytes: int, parallel: int, clock: Clock, meters: Meters
    ) -> None:
        self._downloader = downloader
        self._folder = folder
        self._max_bytes = max_bytes
        self._clock = clock
        self._meters = meters
        self._slots = asyncio.Semaphore(parallel)
        self._silent_hosts = SilentHosts(clock)
        self._budget = DiskBudget(max_bytes * max(parallel * 4, MAX_FILES))
        self._shared: dict[tuple[int, tuple[Media, ...]], _Shared] = {}

    def sweep(self) -> int:
        """Deletes the files that an earlier process left; returns how many there were. Raises FolderUnusable."""
        return sweep(self._folder)

    @asynccontextmanager
    async def fetch(self, job_id: int, job: Job) -> AsyncIterator[tuple[Video, ...]]:
        """The job's videos in the API's order, each a file or a link with its reason. The files exist until the block
        ends. Raises OSError if a file cannot be written."""
        key = (job_id, job.media)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _Shared(
                [self._folder / f"{secrets.token_hex(8)}.part" for _ in job.media[:MAX_FILES]]
            )
            shared.task = asyncio.create_task(self._fetch_all(job.media, shared), name="media")
        shared.holders += 1
        try:
            yield await asyncio.shield(shared.task)
        finally:
            shared.holders -= 1
            if shared.holders == 0:
                del self._shared[key]
                await self._discard(shared)

    async def _fetch_all(self, media: tuple[Media, ...], shared: _Shared) -> tuple[Video, ...]:
        # The sizes that the API names are not used: a host may still send up to the limit.
        share = self._max_bytes * len(shared.paths)
        await self._budget.take(share)
        shared.room = share
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._fetch_one(index, item, path))
                    for index, (item, path) in enumerate(zip(media, shared.paths, strict=False), start=1)
                ]
        except ExceptionGroup as error:
            raise error.exceptions[0] from error
        videos = tuple(task.result() for task in tasks)
        shared.room = sum(video.size for video in videos if isinstance(video, VideoFile))
        self._budget.give_back(share - shared.room)
        surplus = [
            VideoLink(index, item.url, LinkReason.TOO_MANY, size=item.size, expires_at=expiry_of(item.url))
            for index, item in enumerate(media[MAX_FILES:], start=MAX_FILES + 1)
        ]
        return (*videos, *surplus)

    async def _fetch_one(self, index: int, media: Media, path: Path) -> Video:
        host = urlsplit(media.url).netloc
        async with self._slots:
            if not self._silent_hosts.may_try(host):
                expires_at = expiry_of(media.url)
                return VideoLink(
                    index, media.url, LinkReason.FETCH_FAILED, media.size, expires_at=expires_at, may_pass=True
                )
            begun = self._clock.monotonic()
            video = await self._downloader.fetch(index, media, path)
            seconds = self._clock.monotonic() - begun
        if isinstance(video, VideoLink) and video.reason is LinkReason.FETCH_FAILED and seconds >= _LONG:
            self._silent_hosts.took_long_and_failed(host)
        else:
            self._silent_hosts.worked(host)
        if isinstance(video, VideoFile):
            self._meters.download_ended("file", seconds, video.size)
        else:
            self._meters.download_ended(video.reason.value, seconds, 0)
            path.unlink(missing_ok=True)
        return video

    async def _discard(self, shared: _Shared) -> None:
        if shared.task.done():
            self._clear(shared)
            return
        # The task cleans up when it ends, because the caller that waits for it here may be cancelled too.
        shared.task.add_done_callback(lambda _: self._clear(shared))
        shared.task.cancel()
        await asyncio.wait([shared.task])

    def _clear(self, shared: _Shared) -> None:
        try:
            for path in shared.paths:
                path.unlink(missing_ok=True)
        finally:
            self._budget.give_back(shared.room)
