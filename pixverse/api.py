"""The PixVerse API as the relay uses it, whichever generation answers."""

from __future__ import annotations

from pixverse.client import ApiClient
from pixverse.job import Job
from pixverse.jobs_v1 import JobsV1


class PixVerseApi:
    """Asks about jobs. Each question is one GET that changes nothing, and raises any class of `errors.py`."""

    def __init__(self, client: ApiClient) -> None:
        self._v1 = JobsV1(client)

    async def job(self, token: str, jobid: str, *, timeout: float | None = None) -> Job:
        """The job as it stands now. `timeout` in seconds, None for the client's own."""
        return await self._v1.job(token, jobid, timeout=timeout)

    async def jobs_in_work(self, token: str, *, timeout: float | None = None) -> tuple[str, ...]:
        """The ids of the account's jobs that have not ended: also the cheapest trial of a token."""
        return await self._v1.in_work(token, timeout=timeout)
