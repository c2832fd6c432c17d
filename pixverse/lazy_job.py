"""A job in a response of the API that is parsed only when somebody reads it."""

from __future__ import annotations

from collections.abc import Callable

from model.job import Job


class LazyJob:
    """A response about a job.

    Most responses to a poll are byte for byte the response before. Comparing fingerprints shows that without parsing.
    """

    __slots__ = ("_job", "_read", "fingerprint")

    def __init__(self, fingerprint: int, read: Callable[[], Job]) -> None:
        self.fingerprint = fingerprint
        """A hash of the response's bytes: equal for equal bytes within this process."""
        self._read = read
        self._job: Job | None = None

    @classmethod
    def of(cls, job: Job) -> LazyJob:
        """A response that has been parsed already."""
        return cls(hash(job), lambda: job)

    def read(self) -> Job:
        """Returns the job, parsing the response the first time. Raises what the parsing raises."""
        if self._job is None:
            self._job = self._read()
        return self._job
