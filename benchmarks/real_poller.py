"""The real poller with the real client, schedule and database. Only Discord's side and the accounts are replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import aiohttp

from benchmarks.bare import Throughput, measured_throughput
from benchmarks.commits import Commits
from benchmarks.filling import fill
from benchmarks.pixverse_process import Served
from model.states import AccountState
from pixverse.api import PixVerseApi
from pixverse.api_client import ApiClient, LazyJob, new_api_session
from pixverse.api_errors import PixVerseError
from pixverse.recent_lists import LookupTerms
from relay.changes import Changes
from relay.clock import SystemClock
from relay.polling.job_fetcher import JobFetcher
from relay.polling.job_list import JobLists
from relay.polling.job_loader import JobLoader
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from relay.polling.poller import Poller
from relay.polling.schedule import Timing
from settings import DatabasePlace
from storage.database import Database, Transaction

_OLDEST = 48 * 3600 * 1000


class Tokens:
    """The accounts of the served API, all in good order."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = dict(enumerate(tokens, start=1))

    def own(self, guild_id: int) -> int:
        """Every server has its own account, with the same number."""
        return guild_id

    def in_force(self, guild_id: int) -> int:
        return guild_id

    async def tell_trouble(self, _tx: Transaction, _guild_id: int, _now: int) -> None:
        raise AssertionError("the token is never in trouble")

    def doubt(self, _account_id: int) -> None:
        return

    def token_of(self, account_id: int) -> str | None:
        return self._tokens.get(account_id)

    def state_of(self, _account_id: int) -> AccountState:
        return AccountState.OK

    async def note_response(self, _account_id: int, _error: PixVerseError | None, _jobid: str = "") -> None:
        return


class NoLists(JobLists):
    """Makes the poller request every job by itself."""

    def worth_it(self, _account_id: int, _jobs: int) -> bool:
        return False


class RealPoller:
    """Polls everything that is served, and records each request."""

    def __init__(
        self,
        database: Database,
        place: DatabasePlace,
        session: aiohttp.ClientSession,
        served: Served,
        interval: float,
        random: Random,
    ) -> None:
        self._api = PixVerseApi(ApiClient(session, served.base))
        self._place = place
        self.asked: list[tuple[str, float]] = []
        """The job's id and the monotonic seconds of each request, oldest first."""
        clock, changes = SystemClock(), Changes()
        accounts = Tokens(sorted({job.token for job in served.jobs}))
        timing = Timing(clock, random, interval)
        self.fetcher = JobFetcher(self._ask, accounts, timing, changes, self._api.retry_at)
        recorder = JobRecorder(database, accounts, changes, timing, clock.now)
        queue = JobQueue(timing, _OLDEST)
        self.poller = Poller(
            queue,
            JobLoader(database, recorder, accounts, queue),
            self.fetcher,
            recorder,
            NoLists(
                self._api.list_active_jobs,
                self._api.kind_of,
                accounts.token_of,
                self.fetcher.backoff_until,
                timing,
            ),
            accounts,
        )

    async def _ask(self, token: str, jobid: str, known: int | None, terms: LookupTerms | None) -> LazyJob:
        self.asked.append((jobid, time.monotonic()))
        return await self._api.lazy_job(token, jobid, known, terms)

    async def throughput(self, seconds: float) -> Throughput:
        """The throughput over the next `seconds`."""
        with measured_throughput(lambda: len(self.asked)) as measured:
            await asyncio.sleep(seconds)
        return measured[0]

    async def told_once(self, jobs: int) -> None:
        """Waits until this many jobs have had their first response and the database has stored it; only first responses
        are news."""
        while len({jobid for jobid, _ in self.asked}) < jobs:  # noqa: ASYNC110  # nothing tells when
            await asyncio.sleep(0.2)
        await self.commits.cease()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Polls for as long as the block lasts."""
        self.commits = Commits(self._place)
        polling = asyncio.create_task(self.poller.run())
        try:
            yield
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            await self.fetcher.close()
            self.commits.close()
        if self.poller.failures:
            raise RuntimeError(f"the poller failed {self.poller.failures} times")


@asynccontextmanager
async def real_poller(
    place: DatabasePlace, served: Served, interval: float, *, random: Random | None = None, filled: bool = False
) -> AsyncIterator[RealPoller]:
    """A poller on this database, which isn't running yet. Unless the database is `filled`, everything that is served
    becomes watched in it."""
    database = await Database.open(place)
    try:
        if not filled:
            await fill(database, served.jobs)
        async with new_api_session() as session:
            yield RealPoller(database, place, session, served, interval, random or Random(1))
    finally:
        await database.close()
