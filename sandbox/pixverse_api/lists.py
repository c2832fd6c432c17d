"""Injected errors in the lists of active jobs: `GET /v1/pixverse/jobs` and `GET /v2/pixverse/scheduler/`."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.pixverse_api.jobs import Job


@dataclass(slots=True)
class Lists:
    """Job ids of both generations that the lists show wrongly."""

    lagging: set[str] = field(default_factory=set)
    """Listed though they have ended."""
    unlisted: set[str] = field(default_factory=set)
    """Not listed though they are active."""

    def name(self, job: Job) -> bool:
        """Whether a job is listed as active."""
        return job.jobid in self.lagging or (job.in_work and job.jobid not in self.unlisted)
