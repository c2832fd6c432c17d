"""How reliably an account's callbacks tell the ends of its jobs, in memory: after a start nothing is relied on."""

from __future__ import annotations

from collections import Counter

from relay.polling import schedule
from relay.ports import Clock


class Announcements:
    """Callbacks are relied on once they announced a few ends in a row, and no more from the first end on that an answer
    told and no callback before or right after it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._in_a_row: Counter[int] = Counter()
        self._open: dict[int, dict[int, float]] = {}
        """By account: jobs whose end was told by an answer alone so far, and when, monotonic seconds."""

    def ended(self, account_id: int, job_id: int, *, announced: bool) -> None:
        """The API told that a job has ended; `announced` where it was asked because a callback claimed that."""
        self._judge(account_id)
        if announced:
            self._in_a_row[account_id] += 1
        elif account_id in self._in_a_row:
            self._open.setdefault(account_id, {}).setdefault(job_id, self._clock.monotonic())

    def told_late(self, account_id: int, job_id: int) -> None:
        """A callback told the end of a job that is known to have ended."""
        self._judge(account_id)
        self._open.get(account_id, {}).pop(job_id, None)

    def relied_on(self, account_id: int) -> bool:
        """Whether the account's jobs need to be asked about less often."""
        if account_id not in self._in_a_row:
            return False
        self._judge(account_id)
        return schedule.relied_on(self._in_a_row[account_id])

    def _judge(self, account_id: int) -> None:
        """Forgets what was announced where a callback has stayed away."""
        too_old = self._clock.monotonic() - schedule.ANNOUNCED_LATE_SECONDS
        if any(ended_at < too_old for ended_at in self._open.get(account_id, {}).values()):
            del self._in_a_row[account_id], self._open[account_id]
