"""Decides which of a job's videos are posted as files and which as links."""

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

LIMIT_TRUSTED_MS = 6 * 3600 * 1000
"""Milliseconds for which a learned upload limit is trusted. Discord sometimes raises its limits without telling bots.

A failed try costs one upload, at most four times a day in a server. An outdated limit would cost every larger video."""
_TRIED_AFTER = (5.0, 15.0, 35.0, 65.0, 100.0)
"""Seconds after a host's first refusal at which a link is tried again: the API may name a file's address before the
file exists."""
_FORGOTTEN_AFTER = 600.0
"""Seconds after a host's latest refusal at which its first one is forgotten, so that the next one counts as the first:
longer than the next try has to wait for its turn."""
_LINKS_FRESH_SECONDS = 300.0
"""Seconds for which fresh links are used, whatever this machine's clock says, before others are requested."""

RefreshLinks = Callable[[int, int], Awaitable[Job | None]]
"""Requests fresh links from the API, given a job's number and a server's id. Returns None if it gets none."""


def limit_in_force(limit: int | None, learned_at: int | None, now: int) -> int | None:
    """The learned limit in bytes; None if none is known or it is too old. Times are milliseconds UTC."""
    if learned_at is None or abs(now - learned_at) >= LIMIT_TRUSTED_MS:
        return None
    return limit


def limit_to_tell(learned: int | None, nominal: int | None) -> int | None:
    """The limit to show to people, in bytes; None if no limit is known.

    The learned limit is just below a size that Discord refused, so the true one may be lower. The nominal limit, from
    Discord's table, is known to be accepted.
    """
    return min((limit for limit in (learned, nominal) if limit is not None), default=None)


@dataclass(frozen=True, slots=True)
class UploadBounds:
    """What may be uploaded to a channel."""

    guild_id: int
    may_attach: bool
    learned: int | None
    """The learned upload limit of the server in bytes, or None."""
    nominal: int | None
    """The server's limit in bytes by Discord's table, or None."""

    def accepts(self, size: int) -> bool:
        """Whether a file of `size` bytes is worth trying."""
        return self.learned is None or size <= self.learned

    def shown_limit(self, size: int) -> int | None:
        """The limit to show for a file that is too large; None if no known limit explains the refusal."""
        limit = limit_to_tell(self.learned, self.nominal)
        return limit if limit is not None and limit < size else None


@dataclass(frozen=True, slots=True)
class Attachments:
    """A job's videos, split into files and links for posting."""

    job: Job
    files: tuple[VideoFile, ...]
    links: tuple[VideoLink, ...]


@dataclass(frozen=True, slots=True)
class _Refreshed:
    """A job with fresh links."""

    at: float
    """Monotonic seconds."""
    stored: Job
    """The job as it is stored, with the links for which these were requested."""
    job: Job


@dataclass(frozen=True, slots=True)
class _Refused:
    """When a host refused a link of a job. In monotonic seconds, so that setting the wall clock ends no wait; after a
    restart the wait begins again."""

    first: float
    latest: float


class NotThereYet(Exception):
    """A host does not have a file yet, or cannot serve it now; that may change."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"a link leads nowhere yet, tried again in {seconds:.0f} s")
        self.seconds = seconds
        """Seconds until the next try."""


class Attacher:
    """Gets a job's videos for a message, with fresh links if the known ones are dead."""

    def __init__(self, media: MediaStore, refresh_links: RefreshLinks, clock: Clock) -> None:
        self._media = media
        self._refresh_links = refresh_links
        self._clock = clock
        self._refused: dict[int, _Refused] = {}
        """By job."""
        self._refreshed: dict[tuple[int, int], _Refreshed] = {}
        """The latest fresh links, by job and server, because each server may use only what its own token gets."""

    @asynccontextmanager
    async def attachments(
        self, job_id: int, job: Job, variant: Variant, bounds: UploadBounds
    ) -> AsyncIterator[Attachments]:
        """The job's videos. Their files exist until the block ends.

        Raises OSError if a file cannot be written, and NotThereYet if it is too early to call a link dead.
        """
        first_refused = self._first_refused(job_id)
        known = self._just_refreshed(job_id, job, bounds.guild_id) or job
        current = known
        if known is job and self._has_expired_link(job):
            current = await self._with_fresh_links(job_id, job, job, bounds.guild_id)
        if not bounds.may_attach or variant.no_files:
            reason = variant.link_reason if bounds.may_attach else LinkReason.MAY_NOT_ATTACH
            links = [_link(index, media, reason) for index, media in enumerate(current.media, start=1)]
            yield Attachments(current, (), tuple(links))
            return
        async with self._media.fetch(job_id, current) as items:
            fresh = current
            if current is known and self._needs_fresh_links(first_refused, items, just_refreshed=known is not job):
                fresh = await self._with_fresh_links(job_id, job, known, bounds.guild_id)
            if fresh.media == current.media:
                self._require_present(job_id, first_refused, items)
                yield _as_posted(fresh, items, variant, bounds)
                return
        # The first files are released by now. If deliveries kept files while they wait for disk space, they could wait
        # for each other forever.
        async with self._media.fetch(job_id, fresh) as items:
            self._require_present(job_id, first_refused, items)
            yield _as_posted(fresh, items, variant, bounds)

    def _has_expired_link(self, job: Job) -> bool:
        expiries = (expiry_of(media.url) for media in job.media)
        return any(expiry is not None and expiry <= self._clock.now() for expiry in expiries)

    def _needs_fresh_links(
        self, first_refused: float | None, items: Sequence[VideoFile | VideoLink], *, just_refreshed: bool
    ) -> bool:
        """Whether to request fresh links. They are requested if a link has expired and was not just refreshed, when a
        host refuses a link for the first time, and before a link is called dead."""
        if _any_link(items, LinkReason.EXPIRED):
            return not just_refreshed
        if not _any_link(items, LinkReason.NOT_THERE):
            return False
        return first_refused is None or _until_next_try(self._clock.monotonic() - first_refused) is None

    def _require_present(
        self, job_id: int, first_refused: float | None, items: Sequence[VideoFile | VideoLink]
    ) -> None:
        """Raises NotThereYet if a host refused a link that is worth another try, or has errors of its own. The first
        refusal begins the wait."""
        if not any(_may_work_later(item) for item in items):
            return
        now = self._clock.monotonic()
        if first_refused is None:
            # Another delivery of the job may have been refused while this one fetched.
            first_refused = self._refused[job_id].first if job_id in self._refused else now
        self._refused[job_id] = _Refused(first_refused, now)
        seconds = _until_next_try(now - first_refused)
        if seconds is not None:
            raise NotThereYet(seconds)

    def _first_refused(self, job_id: int) -> float | None:
        """When a host first refused a link of the job; None if none did recently. To be called before a try: however
        long the try takes, it belongs to the wait that this refusal began."""
        now = self._clock.monotonic()
        self._refused = {job: one for job, one in self._refused.items() if now - one.latest < _FORGOTTEN_AFTER}
        refused = self._refused.get(job_id)
        return None if refused is None else refused.first

    async def _with_fresh_links(self, job_id: int, stored: Job, known: Job, guild_id: int) -> Job:
        response = await self._refresh_links(job_id, guild_id)
        if response is None or not response.media:
            return known
        fresh = with_known_files(known, response)
        self._refreshed[job_id, guild_id] = _Refreshed(self._clock.monotonic(), stored, fresh)
        return fresh

    def _just_refreshed(self, job_id: int, stored: Job, guild_id: int) -> Job | None:
        """The job with the fresh links of an earlier try, if they are new enough and nobody has stored others since."""
        now = self._clock.monotonic()
        self._refreshed = {key: one for key, one in self._refreshed.items() if now - one.at < _LINKS_FRESH_SECONDS}
        refreshed = self._refreshed.get((job_id, guild_id))
        return refreshed.job if refreshed is not None and refreshed.stored == stored else None


def _until_next_try(waited: float) -> float | None:
    """Seconds until the next try of a link that was first refused `waited` seconds ago; None if no try is left."""
    return next((after - waited for after in _TRIED_AFTER if after > waited), None)


def _any_link(items: Sequence[VideoFile | VideoLink], reason: LinkReason) -> bool:
    return any(isinstance(item, VideoLink) and item.reason is reason for item in items)


def _may_work_later(item: VideoFile | VideoLink) -> bool:
    return isinstance(item, VideoLink) and (item.reason is LinkReason.NOT_THERE or item.may_pass)


def _as_posted(job: Job, items: Sequence[VideoFile | VideoLink], variant: Variant, bounds: UploadBounds) -> Attachments:
    """The videos as they are posted: files that are too large for the server become links."""
    files: list[VideoFile] = []
    links: list[VideoLink] = []
    for item in items:
        if isinstance(item, VideoLink):
            links.append(item)
        elif item.index in variant.links or not bounds.accepts(item.size):
            media = job.media[item.index - 1]
            links.append(_link(item.index, media, LinkReason.TOO_LARGE, item.size, bounds.shown_limit(item.size)))
        else:
            files.append(item)
    return Attachments(job, tuple(files), tuple(links))


def _link(index: int, media: Media, reason: LinkReason, size: int | None = None, limit: int | None = None) -> VideoLink:
    return VideoLink(index, media.url, reason, size=size or media.size, limit=limit, expires_at=expiry_of(media.url))
