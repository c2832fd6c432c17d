"""Whether the API as a whole answers, judged by the questions about single jobs."""

from __future__ import annotations

from math import inf

_FAILURES = 3


class CircuitBreaker:
    """Counts questions in a row, about several jobs, that had no answer.

    They have to span `patience` seconds: an API that fails every other question, or for some accounts only, has
    answered somebody meanwhile. It would otherwise count as down and as back many times a minute.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self.down_since: int | None = None
        """When the first of the unanswered questions was asked, milliseconds UTC; None while the API answers."""
        self._answered_at = -inf
        self._failures = 0
        self._jobs: set[str] = set()
        self._first_at = 0
        self._first_asked = 0.0

    def failed(self, jobid: str, at: int, asked: float, jobs: int) -> bool:
        """A question found no answer, while `jobs` jobs are asked about. Returns whether the API counts as down since
        this very question, which was asked at `at` (milliseconds UTC), by the monotonic clock at `asked` (seconds).

        One job that fails by itself proves nothing while there are others; where it is the only one, it has to do.
        Nor does a question that was asked before the last answer came: it may only have taken longer to fail.
        """
        if asked < self._answered_at:
            return False
        if self._failures == 0:
            self._first_at = at
            self._first_asked = asked
        self._failures += 1
        if len(self._jobs) < _FAILURES:
            self._jobs.add(jobid)
        enough = self._failures >= _FAILURES and len(self._jobs) >= min(_FAILURES, jobs)
        if self.down_since is not None or not enough or asked - self._first_asked < self._patience:
            return False
        self.down_since = self._first_at
        return True

    def answered(self, now: float) -> bool:
        """The API answered just now (monotonic), whatever it said. Returns whether it counted as down until then."""
        self._answered_at = now
        was_down = self.down_since is not None
        self.down_since = None
        self._failures = 0
        self._jobs.clear()
        return was_down
