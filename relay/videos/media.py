"""The videos of a job on this machine's disk: fetched once for all who wait for them, gone when the last has let go."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pixverse.job import Job, Media
from relay.messages import VideoFile, VideoLink
from relay.meters import Meters
from relay.outcomes import LinkReason
from relay.ports import Clock
from relay.videos.download import Downloader, expiry_of
from relay.videos.folder import sweep

Video = VideoFile | VideoLink

MAX_FILES = 10
"""Discord takes no more in one message (Discord developer docs, Create Message)."""


class DiskBudget:
    """Bytes that temporary files may take together. A job waits for the most that it can write before it fetches
    anything, and so never waits while it holds some; what it did not write is given back as soon as that is known."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._used = 0
        self._freed = asyncio.Condition()

    async def take(self, size: int) -> None:
        """Waits until `size` bytes are free; more than there are in all count as all."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._used + min(size, self.total) <= self.total)
            self._used += min(size, self.total)

    async def give_back(self, size: int) -> None:
        async with self._freed:
            self._used -= min(size, self.total)
            self._freed.notify_all()


@dataclass(slots=True)
class _Shared:
    """One fetch of one answer about one job, and how many hold it."""

    task: asyncio.Task[tuple[Video, ...]]
    holders: int
    paths: list[Path]


class MediaStore:
    """Hands out a job's videos. `parallel` downloads run at once, for all jobs together."""

    def __init__(
        self, downloader: Downloader, folder: Path, max_bytes: int, parallel: int, clock: Clock, meters: Meters
    ) -> None:
        self._downloader = downloader
        self._folder = folder
        self._max_bytes = max_bytes
        self._clock = clock
        self._meters = meters
        self._slots = asyncio.Semaphore(parallel)
        self._budget = DiskBudget(max_bytes * max(parallel * 4, MAX_FILES))
        self._shared: dict[tuple[int, tuple[Media, ...]], _Shared] = {}

    def sweep(self) -> int:
        """Removes what an earlier process left; tells how many files those were. Raises FolderUnusable."""
        return sweep(self._folder)

    @asynccontextmanager
    async def fetch(self, job_id: int, job: Job) -> AsyncIterator[tuple[Video, ...]]:
        """The job's videos in the API's order, each a file or the reason why it is a link; the files are there until
        the block ends. Raises OSError where the disk takes no file."""
        key = (job_id, job.media)
        shared = self._shared.get(key)
        if shared is None:
            shared = self._begin(job.media)
            self._shared[key] = shared
        shared.holders += 1
        try:
            yield await asyncio.shield(shared.task)
        finally:
            shared.holders -= 1
            if shared.holders == 0:
                if self._shared.get(key) is shared:
                    del self._shared[key]
                await self._discard(shared)

    def _begin(self, media: tuple[Media, ...]) -> _Shared:
        paths = [self._folder / f"{secrets.token_hex(8)}.part" for _ in media[:MAX_FILES]]
        task = asyncio.create_task(self._fetch_all(media, paths), name="media")
        return _Shared(task, 0, paths)

    async def _fetch_all(self, media: tuple[Media, ...], paths: list[Path]) -> tuple[Video, ...]:
        # Not what the API says of sizes: a host may send up to the limit whatever was said.
        share = self._max_bytes * len(paths)
        await self._budget.take(share)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._fetch_one(index, item, path))
                    for index, (item, path) in enumerate(zip(media, paths, strict=False), start=1)
                ]
            videos = tuple(task.result() for task in tasks)
            await self._budget.give_back(share - _bytes_of(videos))
        except BaseException as error:
            await self._budget.give_back(share)
            if isinstance(error, ExceptionGroup):
                raise error.exceptions[0] from error
            raise
        surplus = [
            VideoLink(index, item.url, LinkReason.TOO_MANY, size=item.size, expires_at=expiry_of(item.url))
            for index, item in enumerate(media[MAX_FILES:], start=MAX_FILES + 1)
        ]
        return (*videos, *surplus)

    async def _fetch_one(self, index: int, media: Media, path: Path) -> Video:
        async with self._slots:
            begun = self._clock.monotonic()
            video = await self._downloader.fetch(index, media, path)
            seconds = self._clock.monotonic() - begun
        if isinstance(video, VideoFile):
            self._meters.download_ended("file", seconds, video.size)
        else:
            self._meters.download_ended(video.reason.value, seconds, 0)
            path.unlink(missing_ok=True)
        return video

    async def _discard(self, shared: _Shared) -> None:
        if not shared.task.done():
            shared.task.cancel()
            await asyncio.wait([shared.task])
        for path in shared.paths:
            path.unlink(missing_ok=True)
        if not shared.task.cancelled() and shared.task.exception() is None:
            await self._budget.give_back(_bytes_of(shared.task.result()))


def _bytes_of(videos: tuple[Video, ...]) -> int:
    """What their files take on the disk."""
    return sum(video.size for video in videos if isinstance(video, VideoFile))
