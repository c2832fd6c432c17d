"""Asks the API once more about a job that has ended, because its links have run out."""

from __future__ import annotations

from collections.abc import Callable

from model import snapshots
from model.job import Job
from pixverse.api_errors import PixVerseError
from pixverse.recent_lists import LookupTerms
from relay.polling.job_fetcher import FRESH_SECONDS, JobFetcher, JobResponse
from storage import jobs
from storage.database import Queries
from storage.jobs import JobRow


class LinkRefresher:
    """What `relay.delivery.attachments` calls for fresh links."""

    def __init__(self, reader: Queries, fetcher: JobFetcher, in_force: Callable[[int], int | None]) -> None:
        self._reader = reader
        self._fetcher = fetcher
        self._in_force = in_force

    async def __call__(self, job_id: int, guild_id: int) -> Job | None:
        """The job as the API describes it now; None without a response, or if the job is not of the token that the
        server uses now. The end itself is not judged again."""
        row = await jobs.by_id(self._reader, job_id)
        if row is None or self._in_force(guild_id) != row.account_id:
            return None
        recent = self._fetcher.recent(row.account_id, row.jobid)
        fresh = 0.0 if recent is not None and _brought_the_end(recent, row) else FRESH_SECONDS
        try:
            response = await self._fetcher.look_up(row.account_id, row.jobid, LookupTerms(_counted_before, fresh))
        except PixVerseError:
            return None
        return response.content if isinstance(response.content, Job) else None


def _counted_before() -> None:
    """Spends nothing: whoever has an outcome posted again has paid already, and else there is one lookup a job."""


def _brought_the_end(recent: JobResponse, row: JobRow) -> bool:
    """Whether the end became known by this response, whose links have therefore run out too."""
    known = snapshots.load(row.snapshot)
    if row.ended_at is None or known is None or not isinstance(recent.content, Job):
        return False
    # A command that sees an end first dates it by when it was used.
    return recent.content.media == known.media and recent.at <= row.ended_at + FRESH_SECONDS * 1000
