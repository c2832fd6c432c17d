"""While the API is down: one question at a time, ever less often."""

from __future__ import annotations

import math
from random import Random

from relay.polling import schedule


class Probes:
    """Says which job may be asked about. All times are monotonic seconds."""

    def __init__(self, interval: float, random: Random) -> None:
        self._interval = interval
        self._random = random
        self._next_at: float | None = None
        self._failed = 0
        self._job_id: int | None = None

    def take(self, job_id: int, now: float) -> bool:
        """Whether this job is the next probe, as it then is at once."""
        if self._next_at is None:
            self._plan(now)
        if self._next_at is None or now < self._next_at:
            return False
        self._job_id = job_id
        self._next_at = math.inf
        return True

    def finished(self, job_id: int, now: float) -> None:
        """A question is over and the API still down; of interest if it was the probe."""
        if job_id == self._job_id:
            self._plan(now)

    def later(self, now: float) -> float:
        """When to look again for a job that is not the probe."""
        at = self._next_at if self._next_at is not None and self._next_at < math.inf else now
        return max(at, now) + self._interval * self._random.random()

    def reset(self) -> None:
        """The API answers again."""
        self._next_at = None
        self._failed = 0
        self._job_id = None

    def _plan(self, now: float) -> None:
        self._failed += 1
        self._job_id = None
        self._next_at = schedule.after_failure(now, self._interval, self._failed, self._random)
