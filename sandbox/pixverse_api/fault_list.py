"""Which fault is played for which request."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.faults import Action
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.requests_log import asked_for


@dataclass(slots=True)
class Fault:
    """An action with the requests that it is for. What is None matches everything."""

    action: Action
    method: str | None
    path: str | None
    account: Account | None
    jobid: str | None
    left: int | None
    """How many more times; None: until it is cleared."""
    played: int = 0

    def fits(self, request: web.Request, account: Account | None) -> bool:
        """Whether it is for this request and not used up."""
        return (
            self.left != 0
            and self.method in (None, request.method)
            and self.path in (None, request.path)
            and (self.account is None or self.account is account)
            and self.jobid in (None, asked_for(request))
        )


class Faults:
    """The faults waiting for their requests; the one that was added first goes first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @property
    def waiting(self) -> int:
        """How many answers will still suffer; those without a limit count once."""
        return sum(1 if fault.left is None else fault.left for fault in self._faults)

    def add(
        self,
        action: Action,
        *,
        path: str | None = None,
        method: str | None = None,
        account: Account | None = None,
        job: Job | None = None,
        times: int | None = 1,
    ) -> Fault:
        """Play `action` for the next `times` (None: all) fitting requests. `path` is whole and without the query."""
        fault = Fault(action, method, path, account, None if job is None else job.jobid, times)
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault."""
        self._faults.clear()

    def take(self, request: web.Request, account: Account | None = None) -> Action | None:
        """The action for this request, counted as played."""
        fault = next((fault for fault in self._faults if fault.fits(request, account)), None)
        if fault is None:
            return None
        fault.played += 1
        fault.left = None if fault.left is None else fault.left - 1
        return fault.action
