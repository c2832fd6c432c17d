"""Asks the API once more about a job that has ended, because its links have run out."""

from __future__ import annotations

from pixverse.errors import PixVerseError
from pixverse.job import Job
from relay.questions import Questions
from storage import jobs
from storage.database import Queries


class Rereader:
    """What `relay.attachments` calls for fresh links."""

    def __init__(self, reader: Queries, questions: Questions) -> None:
        self._reader = reader
        self._questions = questions

    async def __call__(self, job_id: int) -> Job | None:
        """The job as the API tells it now; None where it tells nothing. The end itself is not judged anew."""
        row = await jobs.by_id(self._reader, job_id)
        if row is None:
            return None
        try:
            answer = await self._questions.ask(row.account_id, row.jobid)
        except PixVerseError:
            return None
        return answer.said if isinstance(answer.said, Job) else None
