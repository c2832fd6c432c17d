"""Which of a job's videos go as files and which as links."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pixverse.job import Job, Media
from relay.messages import VideoFile, VideoLink
from relay.outcomes import LinkReason
from relay.ports import Clock, Videos
from relay.posting import upload_limits
from relay.posting.variants import Variant
from relay.videos.download import expiry_of

Reread = Callable[[int], Awaitable[Job | None]]
"""Asks the API once more about a job, for fresh links; None where it gives none."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a channel takes."""

    may_attach: bool
    learned: int | None
    """Bytes that this server was seen to take at most; None: not known."""
    nominal: int | None
    """Bytes that Discord's table gives it."""

    def takes(self, size: int) -> bool:
        """Whether a file of this size is worth a try."""
        return self.learned is None or size <= self.learned

    def told(self, size: int) -> int | None:
        """The limit to tell to people for a file that is too large; None where none that is known explains it."""
        limit = upload_limits.told(self.learned, self.nominal)
        return limit if limit is not None and limit < size else None


@dataclass(frozen=True, slots=True)
class Attachments:
    """A job's videos as they are to be posted."""

    job: Job
    files: tuple[VideoFile, ...]
    links: tuple[VideoLink, ...]


class Attacher:
    """Gets a job's videos for a message, with fresh links where those known have run out."""

    def __init__(self, videos: Videos, reread: Reread, clock: Clock) -> None:
        self._videos = videos
        self._reread = reread
        self._clock = clock

    @asynccontextmanager
    async def attachments(self, job_id: int, job: Job, variant: Variant, bounds: Bounds) -> AsyncIterator[Attachments]:
        """The videos; their files are there until the block ends. Raises OSError where the disk takes no file."""
        fresh = await self._fresh(job_id, job)
        if not bounds.may_attach or variant.no_files:
            links = [_link(index, media, LinkReason.MAY_NOT_ATTACH) for index, media in enumerate(fresh.media, start=1)]
            yield Attachments(fresh, (), tuple(links))
            return
        async with self._videos.fetch(job_id, fresh) as items:
            again = await self._read_again(job_id, job) if fresh is job and _has_expired(items) else fresh
            if again.media == fresh.media:
                yield _sorted_out(again, items, variant, bounds)
                return
        # The first ones are let go by now: who waited for room on the disk while holding some could wait for ever.
        async with self._videos.fetch(job_id, again) as items:
            yield _sorted_out(again, items, variant, bounds)

    async def _fresh(self, job_id: int, job: Job) -> Job:
        now = self._clock.now()
        expiries = [expiry_of(media.url) for media in job.media]
        if not any(expiry is not None and expiry <= now for expiry in expiries):
            return job
        return await self._read_again(job_id, job)

    async def _read_again(self, job_id: int, job: Job) -> Job:
        answer = await self._reread(job_id)
        return job if answer is None or not answer.media else answer


def _has_expired(items: Sequence[VideoFile | VideoLink]) -> bool:
    return any(isinstance(item, VideoLink) and item.reason is LinkReason.EXPIRED for item in items)


def _sorted_out(job: Job, items: Sequence[VideoFile | VideoLink], variant: Variant, bounds: Bounds) -> Attachments:
    files: list[VideoFile] = []
    links: list[VideoLink] = []
    for item in items:
        if isinstance(item, VideoLink):
            links.append(item)
        elif item.index in variant.links or not bounds.takes(item.size):
            media = job.media[item.index - 1]
            links.append(_link(item.index, media, LinkReason.TOO_LARGE, item.size, bounds.told(item.size)))
        else:
            files.append(item)
    return Attachments(job, tuple(files), tuple(links))


def _link(index: int, media: Media, reason: LinkReason, size: int | None = None, limit: int | None = None) -> VideoLink:
    return VideoLink(index, media.url, reason, size=size or media.size, limit=limit, expires_at=expiry_of(media.url))
