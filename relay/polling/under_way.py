"""The questions that are under way: how many there may be at once, and who is next."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine

from relay.polling.watched import Agenda, Watched


class UnderWay:
    """At most `at_once` in all and `per_account` of one account; further jobs of an account wait in its line.

    A task asks about one job after the other, as long as one is due: a task for each would cost more than what it does.
    """

    def __init__(self, at_once: int, per_account: int) -> None:
        self._at_once = at_once
        self._per_account = per_account
        self._tasks: set[asyncio.Task[None]] = set()
        self._by_account: Counter[int] = Counter()
        self._lines: dict[int, deque[Watched]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def full(self) -> bool:
        """Whether there are as many tasks as may be at once."""
        return len(self._tasks) >= self._at_once

    def full_for(self, account_id: int) -> bool:
        """Whether there are as many of this account as may be at once."""
        return self._by_account[account_id] >= self._per_account

    def begin(self, work: Coroutine[None, None, None], when_over: Callable[[], None]) -> None:
        """Does the work, and calls `when_over` once there is room for another one."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, when_over))

    def enter(self, account_id: int) -> None:
        """A question about a job of this account begins."""
        self._by_account[account_id] += 1

    def leave(self, account_id: int) -> None:
        """It is over."""
        self._by_account[account_id] -= 1
        if self._by_account[account_id] == 0:
            del self._by_account[account_id]

    def line_up(self, job: Watched) -> None:
        """Puts a job at the end of its account's line."""
        self._lines.setdefault(job.account_id, deque()).append(job)

    def next_in_line(self, account_id: int, agenda: Agenda) -> Watched | None:
        """Takes the account's first job out of its line that is still on the agenda."""
        line = self._lines.get(account_id)
        if line is None:
            return None
        while line:
            job = line.popleft()
            if agenda.get(job.id) is job:
                return job
        del self._lines[account_id]
        return None

    async def end(self) -> None:
        """Cancels everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self, task: asyncio.Task[None], when_over: Callable[[], None]) -> None:
        self._tasks.discard(task)
        when_over()
