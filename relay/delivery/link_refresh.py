"""Requests fresh links of ended jobs from the API. `relay/delivery/attachments.py` decides when they are needed."""

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
    """Gets fresh links with the token of the server that posts them."""

    def __init__(self, reader: Queries, fetcher: JobFetcher, in_force: Callable[[int], int | None]) -> None:
        self._reader = reader
        self._fetcher = fetcher
        self._in_force = in_force

    async def refresh(self, job_id: int, guild_id: int) -> Job | None:
        """The job as the API describes it now; None without a response, or if the server uses another account now.

        Does not check again whether the job has ended.
        """
        row = await jobs.by_id(self._reader, job_id)
        if row is None or self._in_force(guild_id) != row.account_id:
            return None
        recent = self._fetcher.recent(row.account_id, row.jobid)
        has_same_links = recent is not None and _brought_the_end(recent, row)
        max_age = 0.0 if has_same_links else FRESH_SECONDS
        try:
            # Spends nobody's allowance. Resending an outcome was already counted; otherwise each job causes only one
            # such request.
            terms = LookupTerms(lambda: None, max_age)
            response = await self._fetcher.look_up(row.account_id, row.jobid, terms)
        except PixVerseError:
            return None
        return response.content if isinstance(response.content, Job) else None


def _brought_the_end(recent: JobResponse, row: JobRow) -> bool:
    """Whether this response is the one that showed the job's end. If so, it has the same links as the stored job."""
    known = snapshots.load(row.snapshot)
    if row.ended_at is None or known is None or not isinstance(recent.content, Job):
        return False
    # If a command reused the response, the end was recorded up to `FRESH_SECONDS` after it.
    return recent.content.media == known.media and recent.at <= row.ended_at + FRESH_SECONDS * 1000
