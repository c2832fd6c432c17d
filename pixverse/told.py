"""What the API told of a job, read no sooner than somebody wants to know."""

from __future__ import annotations

from collections.abc import Callable

from model.job import Job


class Told:
    """An answer about a job. One that is the same to the byte as an answer that was read before is not read again
    unless somebody asks for its job: most answers to a poll are."""

    __slots__ = ("_job", "_read", "fingerprint")

    def __init__(self, fingerprint: int, read: Callable[[], Job]) -> None:
        self.fingerprint = fingerprint
        """Of the answer's bytes; the same for the same bytes as long as this process lives."""
        self._read = read
        self._job: Job | None = None

    @classmethod
    def of(cls, job: Job) -> Told:
        """An answer that has been read."""
        return cls(hash(job), lambda: job)

    def read(self) -> Job:
        """The job in it. Raises what reading it does; nothing from the second time on."""
        if self._job is None:
            self._job = self._read()
        return self._job
