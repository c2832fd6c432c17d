"""Tracks whether the API as a whole responds. While it doesn't, single requests probe it at growing intervals."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from relay.polling import schedule
from relay.polling.schedule import Timing

_FAILURES = 3
_PATIENCE_INTERVALS = 1.5
"""A young job is requested once in an interval plus jitter, so each young job is requested within this time."""


class CircuitBreaker:
    """Opens after several consecutive requests, about several jobs, got no response.

    The first and the last of these requests have to be `_PATIENCE_INTERVALS` apart. Within that time, an API that fails
    every other request, or fails only for some accounts, responds at least once. Without the condition, it would be
    declared down and back many times a minute. Times are monotonic seconds unless stated otherwise.
    """

    def __init__(self, timing: Timing) -> None:
        self._clock = timing.clock
        self._interval = timing.interval
        self._random = timing.random
        self.down_since: int | None = None
        """When the first of the failed requests was made, in milliseconds UTC; None while the API responds."""
        self.polled_jobs: Callable[[], int] = lambda: 0
        """Returns how many jobs are polled. Failures of a single job prove nothing unless it is the only one."""
        self._responded_at = -inf
        self._failures = 0
        self._jobs: set[str] = set()
        self._first_at = 0
        self._first_asked = 0.0
        self._probes = 0
        self._probe: int | None = None
        self._next_probe_at = inf

    def failed(self, jobid: str, at: int, asked: float) -> bool:
        """Counts a request without a response. It was made at `asked`; `at` is the same time in milliseconds UTC.

        A request that was made before the latest response is ignored: it may only have taken longer to fail. Returns
        whether the API counts as down from now on and did not before.
        """
        if asked < self._responded_at:
            return False
        if self._failures == 0:
            self._first_at = at
            self._first_asked = asked
        self._failures += 1
        if len(self._jobs) < _FAILURES:
            self._jobs.add(jobid)
        enough = self._failures >= _FAILURES and (len(self._jobs) >= _FAILURES or len(self._jobs) >= self.polled_jobs())
        spanned = asked - self._first_asked >= _PATIENCE_INTERVALS * self._interval
        if self.down_since is not None or not enough or not spanned:
            return False
        self.down_since = self._first_at
        self._probes = 0
        self._plan_probe()
        return True

    def responded(self) -> bool:
        """Notes any response of the API. Returns whether the API counted as down until now."""
        self._responded_at = self._clock.monotonic()
        was_down = self.down_since is not None
        self.down_since = None
        self._failures = 0
        self._jobs.clear()
        self._probe = None
        return was_down

    # ---- while the API is down --------------------------------------------------------------------------------------

    def begin_probe(self, job_id: int) -> bool:
        """Makes this job the probe if there is none and one is due; returns whether the job may be requested now. No
        other job may be until `probe_over` is called for this one."""
        if self._clock.monotonic() < self._next_probe_at:
            return False
        self._probe = job_id
        self._next_probe_at = inf
        return True

    def probe_over(self, job_id: int) -> None:
        """Plans the next probe if this job was the probe. To be called when the job's request is over and the API is
        still down."""
        if job_id == self._probe:
            self._plan_probe()

    def retry_at(self) -> float:
        """When to try again a job that may not be the probe now."""
        now = self._clock.monotonic()
        at = self._next_probe_at if self._next_probe_at < inf else now
        return max(at, now) + self._interval * self._random.random()

    def _plan_probe(self) -> None:
        self._probes += 1
        self._probe = None
        self._next_probe_at = schedule.after_failure(
            self._clock.monotonic(), self._interval, self._probes, self._random
        )
