"""How the lists of what is in work lie: `GET /v1/pixverse/jobs` and `GET /v2/pixverse/scheduler/`."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.pixverse_api.jobs import Job


@dataclass(slots=True)
class Lists:
    """Job ids of both generations about which the lists do not tell the truth."""

    lagging: set[str] = field(default_factory=set)
    """Listed though they have ended."""
    unlisted: set[str] = field(default_factory=set)
    """Not listed though they are in work."""

    def name(self, job: Job) -> bool:
        """Whether a job is listed as in work."""
        return job.jobid in self.lagging or (job.in_work and job.jobid not in self.unlisted)
