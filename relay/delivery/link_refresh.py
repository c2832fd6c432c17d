"""Asks the API for fresh links of a job that has ended. When they are needed: `relay/delivery/attachments.py`."""

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
    """Gets fresh links under the token of the server that posts them."""

    def __init__(self, reader: Queries, fetcher: JobFetcher, in_force: Callable[[int], int | None]) -> None:
        self._reader = reader
        self._fetcher = fetcher
        self._in_force = in_force

    async def refresh(self, job_id: int, guild_id: int) -> Job | None:
        """The job as the API describes it now; None without a response, or if the server uses another account now.

        Whether the job has ended is not judged again.
        """
        row = await jobs.by_id(self._reader, job_id)
        if row is None or self._in_force(guild_id) != row.account_id:
            return None
        recent = self._fetcher.recent(row.account_id, row.jobid)
        has_same_links = recent is not None and _brought_the_end(recent, row)
        max_age = 0.0 if has_same_links else FRESH_SECONDS
        try:
            response = await self._fetcher.look_up(row.account_id, row.jobid, LookupTerms(_counted_before, max_age))
        except PixVerseError:
            return None
        return response.content if isinstance(response.content, Job) else None


def _counted_before() -> None:
    """Takes nothing from anybody's allowance: an outcome that is posted again has been paid for, and apart from that
    there is one such request for each job."""


def _brought_the_end(recent: JobResponse, row: JobRow) -> bool:
    """Whether the end became known by this response, whose links have therefore expired too."""
    known = snapshots.load(row.snapshot)
    if row.ended_at is None or known is None or not isinstance(recent.content, Job):
        return False
    # If a command saw the end first, the end is dated by when the response was used.
    return recent.content.media == known.media and recent.at <= row.ended_at + FRESH_SECONDS * 1000
