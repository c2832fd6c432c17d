"""The orders that a harness sends to a PixVerse API in its own process."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.pixverse_api import PixverseApi, timelines
from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.jobs import Job
from sandbox.standalone.orders import Order


class PixverseOrders:
    """Keeps the accounts and jobs that were made, by their numbers and ids."""

    def __init__(self, pixverse: PixverseApi) -> None:
        self._pixverse = pixverse
        self._accounts: dict[int, Account] = {}
        self._jobs: dict[str, Job] = {}

    def orders(self) -> Mapping[str, Order]:
        """Every order by its name."""
        return {
            "address": self.address,
            "account": self.account,
            "job": self.job,
            "complete": self.complete,
            "asked": self.asked,
            "away": self.away,
            "back": self.back,
        }

    async def address(self, caller: str) -> str:
        """The API's address for a bot of this name."""
        return await self._pixverse.base_of(caller)

    async def account(self, number: int) -> str:
        """A new account; returns its token."""
        account = self._accounts[number] = self._pixverse.add_account(number, max_jobs=1_000_000)
        return account.token

    async def job(self, account: int, seconds: float | None = None, generation: str = "v1", **fields: str) -> str:
        """Creates a job that completes after this many seconds, or by the order `complete`; returns its id."""
        timeline = () if seconds is None else timelines.completed(seconds)
        add = self._pixverse.add_video if generation == "v2" else self._pixverse.add_job
        job = add(self._accounts[account], timeline, **fields)
        self._jobs[job.jobid] = job
        return job.jobid

    async def complete(self, jobid: str) -> None:
        """Completes a job now."""
        self._jobs[jobid].complete()

    async def asked(self, jobid: str) -> int:
        """How often the job was asked for."""
        return self._pixverse.asked(self._jobs[jobid])

    async def away(self) -> None:
        """Answers 503 to everything."""
        self._pixverse.off()

    async def back(self) -> None:
        """Undoes `away`."""
        self._pixverse.on()
