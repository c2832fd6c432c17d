"""Which of a job's videos go as files and which as links, and for how long a learned upload limit is believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from model.job import Job, Media
from model.messages import LinkReason, VideoFile, VideoLink
from relay.delivery.fallbacks import Variant
from relay.media.download import expiry_of
from relay.media.media_store import MediaStore
from relay.merge import with_known_files
from relay.ports import Clock

BELIEVED = 6 * 3600 * 1000
"""Milliseconds, after which a larger file is tried again: Discord raises its limits now and then, and tells no bot.

A try in vain costs an upload, four times a day in a server at most; a limit that holds no more costs every video."""


def limit_to_tell(learned: int | None, nominal: int | None) -> int | None:
    """The limit to tell people, in bytes; None where nothing is known.

    What Discord really takes lies anywhere below the size that it refused; its own table is what is known to be taken.
    """
    return min((limit for limit in (learned, nominal) if limit is not None), default=None)


def limit_in_force(limit: int | None, learned_at: int | None, now: int) -> int | None:
    """The limit in bytes, or None where none is known (any more). Times in milliseconds UTC."""
    if limit is None or learned_at is None or now - learned_at >= BELIEVED:
        return None
    return limit


_TRIED_AFTER = (5.0, 15.0, 35.0, 65.0, 100.0)
"""Seconds after a host's first refusal at which a link is tried again: the API may name the address of a new
file before the file is there."""
_FORGOTTEN_AFTER = 2 * _TRIED_AFTER[-1]
"""Seconds; what is asked about again only then is waited for from the beginning."""

Reread = Callable[[int, int], Awaitable[Job | None]]
"""Asks the API once more about a job for a server, for fresh links; None where it gives none."""


@dataclass(frozen=True, slots=True)
class UploadBounds:
    """What a channel takes."""

    guild_id: int
    may_attach: bool
    learned: int | None
    """Bytes that this server was seen to take at most; None: not known."""
    nominal: int | None
    """Bytes that Discord's table gives it."""

    def takes(self, size: int) -> bool:
        """Whether a file of this size is worth a try."""
        return self.learned is None or size <= self.learned

    def shown_limit(self, size: int) -> int | None:
        """The limit that people are shown for a file that is too large; None if no known limit explains it."""
        limit = limit_to_tell(self.learned, self.nominal)
        return limit if limit is not None and limit < size else None


@dataclass(frozen=True, slots=True)
class Attachments:
    """A job's videos as they are to be posted."""

    job: Job
    files: tuple[VideoFile, ...]
    links: tuple[VideoLink, ...]


class NotThereYet(Exception):
    """A host says that it has no such file, but has not said so for long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a link leads nowhere yet, tried again in {seconds:.0f} s")
        self.seconds = seconds
        """Until it is worth another try."""


class Attacher:
    """Gets a job's videos for a message, with fresh links where those known lead nowhere."""

    def __init__(self, media: MediaStore, reread: Reread, clock: Clock) -> None:
        self._media = media
        self._reread = reread
        self._clock = clock
        self._absent_since: dict[int, float] = {}
        """Monotonic seconds, by job: setting the wall clock ends no wait. A restart begins it again."""

    @asynccontextmanager
    async def attachments(
        self, job_id: int, job: Job, variant: Variant, bounds: UploadBounds
    ) -> AsyncIterator[Attachments]:
        """The videos; their files are there until the block ends. Raises OSError where the disk takes no file,
        NotThereYet where it is too early to call a link dead."""
        fresh = await self._fresh(job_id, job, bounds.guild_id)
        if not bounds.may_attach or variant.no_files:
            reason = variant.link_reason if bounds.may_attach else LinkReason.MAY_NOT_ATTACH
            links = [_link(index, media, reason) for index, media in enumerate(fresh.media, start=1)]
            yield Attachments(fresh, (), tuple(links))
            return
        async with self._media.fetch(job_id, fresh) as items:
            again = fresh
            if fresh is job and self._asks_again(job_id, items):
                again = await self._read_again(job_id, job, bounds.guild_id)
            if again.media == fresh.media:
                self._wait_for(job_id, items)
                yield _sorted_out(again, items, variant, bounds)
                return
        # The first ones are let go by now: who waited for room on the disk while holding some could wait for ever.
        async with self._media.fetch(job_id, again) as items:
            self._wait_for(job_id, items)
            yield _sorted_out(again, items, variant, bounds)

    async def _fresh(self, job_id: int, job: Job, guild_id: int) -> Job:
        now = self._clock.now()
        expiries = [expiry_of(media.url) for media in job.media]
        if not any(expiry is not None and expiry <= now for expiry in expiries):
            return job
        return await self._read_again(job_id, job, guild_id)

    def _asks_again(self, job_id: int, items: Sequence[VideoFile | VideoLink]) -> bool:
        """Whether the API is asked for other links: once when a host first refuses one, and once before a message
        says so."""
        if any(isinstance(item, VideoLink) and item.reason is LinkReason.EXPIRED for item in items):
            return True
        return _is_absent(items) and (job_id not in self._absent_since or self._wait(job_id) is None)

    def _wait_for(self, job_id: int, items: Sequence[VideoFile | VideoLink]) -> None:
        seconds = self._wait(job_id) if _is_absent(items) else None
        if seconds is not None:
            raise NotThereYet(seconds)

    def _wait(self, job_id: int) -> float | None:
        """Seconds until the job's links are worth another try; None where they have been refused for long enough."""
        now = self._clock.monotonic()
        kept = {job: since for job, since in self._absent_since.items() if now - since < _FORGOTTEN_AFTER}
        waited = now - kept.setdefault(job_id, now)
        self._absent_since = kept
        return next((after - waited for after in _TRIED_AFTER if after > waited), None)

    async def _read_again(self, job_id: int, job: Job, guild_id: int) -> Job:
        answer = await self._reread(job_id, guild_id)
        return job if answer is None or not answer.media else with_known_files(job, answer)


def _is_absent(items: Sequence[VideoFile | VideoLink]) -> bool:
    return any(isinstance(item, VideoLink) and item.reason is LinkReason.NOT_THERE for item in items)


def _sorted_out(
    job: Job, items: Sequence[VideoFile | VideoLink], variant: Variant, bounds: UploadBounds
) -> Attachments:
    files: list[VideoFile] = []
    links: list[VideoLink] = []
    for item in items:
        if isinstance(item, VideoLink):
            links.append(item)
        elif item.index in variant.links or not bounds.takes(item.size):
            media = job.media[item.index - 1]
            links.append(_link(item.index, media, LinkReason.TOO_LARGE, item.size, bounds.shown_limit(item.size)))
        else:
            files.append(item)
    return Attachments(job, tuple(files), tuple(links))


def _link(index: int, media: Media, reason: LinkReason, size: int | None = None, limit: int | None = None) -> VideoLink:
    return VideoLink(index, media.url, reason, size=size or media.size, limit=limit, expires_at=expiry_of(media.url))
