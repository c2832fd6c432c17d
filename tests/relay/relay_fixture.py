"""A relay with a real database; only Discord, the API and the clock are fakes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from model.job import Job, JobState
from model.states import AccountState
from pixverse.api_client import LazyJob, RetryTimes
from pixverse.api_errors import JobNotFound, NoList, PixVerseError, RateLimited, Unavailable
from pixverse.recent_lists import LookupTerms
from relay.allowances import Allowances, Refill
from relay.changes import Changes
from relay.cluster.ownership import ALONE, Alone, Ownership
from relay.commands.ask import Ask
from relay.commands.lookups import Lookups
from relay.commands.member_commands import MemberCommands
from relay.commands.subscribe import Limits
from relay.commands.watch import ImmediatePosts
from relay.polling.job_fetcher import JobFetcher
from relay.polling.job_list import JobLists
from relay.polling.job_loader import JobLoader
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from relay.polling.poller import Poller
from relay.polling.schedule import Timing
from storage.database import Database, Queries, Transaction
from storage.engines.interface import Row, SqlValue
from storage.engines.sqlite.engine import SqliteDialect
from storage.errors import StorageUnavailable
from tests.clock import ManualClock
from tests.idle import until_idle
from tests.inline_database import connect_inline
from tests.new_database import lay_database
from tests.relay.recorded_changes import RecordedChanges

HOUR = 3_600_000
GUILD, CHANNEL, PERSON = 10, 100, 1000
ACCOUNT, OTHER_ACCOUNT = 1, 2


class BrokenReader(Queries):
    """Cannot be asked anything."""

    def __init__(self) -> None:
        self.dialect = SqliteDialect()

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        raise StorageUnavailable("disk I/O error")


@dataclass
class FakeApi:
    """An API with scripted responses; an unknown id is not found."""

    clock: ManualClock
    jobs: dict[str, Job] = field(default_factory=dict)
    trouble: dict[str, PixVerseError] = field(default_factory=dict)
    everywhere: PixVerseError | None = None
    gate: asyncio.Event | None = None
    asked: list[tuple[float, str, str]] = field(default_factory=list)
    list_requests: list[tuple[float, str]] = field(default_factory=list)
    """When a list was asked for, and of which kind: that in which jobs stand whose ids begin so, `v1-` or `v2-`."""
    list_trouble: PixVerseError | None = None
    lagging: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    list_gate: asyncio.Event | None = None
    strange: set[str] = field(default_factory=set)
    """Whatever else stands in each list."""
    under_way: Counter[str] = field(default_factory=Counter)
    most_under_way: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.retry_times = RetryTimes(self.clock.monotonic)

    def _refused(self, token: str, error: PixVerseError) -> PixVerseError:
        """Records Retry-After, as the real client does."""
        if isinstance(error, RateLimited | Unavailable) and error.retry_after is not None:
            self.retry_times.note(token, error.retry_after)
        return error

    async def fetch(
        self, token: str, jobid: str, known: int | None = None, terms: LookupTerms | None = None
    ) -> LazyJob:
        self.asked.append((self.clock.monotonic(), token, jobid))
        for key in (token, "all"):
            self.under_way[key] += 1
            self.most_under_way[key] = max(self.most_under_way[key], self.under_way[key])
        try:
            await (self.gate.wait() if self.gate is not None else asyncio.sleep(0))
        finally:
            self.under_way[token] -= 1
            self.under_way["all"] -= 1
        error = self.everywhere or self.trouble.get(jobid)
        if error is not None:
            raise self._refused(token, error)
        if jobid not in self.jobs:
            raise JobNotFound("404")
        return LazyJob.of(self.jobs[jobid])

    def kind_of(self, jobid: str) -> str:
        return jobid[:2] if jobid.startswith(("v1-", "v2-")) else "none"

    async def list_active_jobs(self, token: str, kind: str) -> set[str]:
        if kind == "none":
            raise NoList("404")
        self.list_requests.append((self.clock.monotonic(), kind))
        await (self.list_gate.wait() if self.list_gate is not None else asyncio.sleep(0))
        if self.list_trouble is not None:
            raise self._refused(token, self.list_trouble)
        named = {jobid for jobid, job in self.jobs.items() if not job.state.ends} | self.lagging
        return {jobid for jobid in named - self.unlisted if self.kind_of(jobid) == kind} | self.strange

    def put(self, jobid: str, state: JobState = JobState.PROGRESS, **fields: object) -> Job:
        self.jobs[jobid] = replace(Job(jobid, state, state.value), **fields)  # type: ignore[arg-type]
        return self.jobs[jobid]

    def times(self, jobid: str) -> list[float]:
        return [at for at, _, asked in self.asked if asked == jobid]


class FakeAccounts:
    """Two accounts; every server uses the first unless a test sets the other."""

    def __init__(self) -> None:
        self.used: dict[int, int | None] = {}
        self.tokens: dict[int, str] = {ACCOUNT: "token-1", OTHER_ACCOUNT: "token-2"}
        self.states: dict[int, AccountState] = {}
        self.results: list[tuple[int, PixVerseError | None]] = []
        self.doubted: list[int] = []
        self.told: list[int] = []
        self.unstorable: StorageUnavailable | None = None
        """Raised by `note_response` if it is set."""

    def own(self, guild_id: int) -> int | None:
        return self.in_force(guild_id)

    def in_force(self, guild_id: int) -> int | None:
        return self.used.get(guild_id, ACCOUNT)

    def token_of(self, account_id: int) -> str | None:
        return self.tokens.get(account_id)

    def state_of(self, account_id: int) -> AccountState:
        return self.states.get(account_id, AccountState.OK)

    async def note_response(self, account_id: int, error: PixVerseError | None, _jobid: str = "") -> None:
        if self.unstorable is not None:
            raise self.unstorable
        self.results.append((account_id, error))

    def doubt(self, account_id: int) -> None:
        self.doubted.append(account_id)

    async def tell_trouble(self, _tx: Transaction, guild_id: int, _now: int) -> None:
        self.told.append(guild_id)


async def post_at_once(delivery_id: int, _seconds: float) -> int | None:
    """Reports every card as posted, with message id 7000 + `delivery_id`."""
    return 7000 + delivery_id


def boundless(clock: ManualClock) -> Allowances:
    """Allowances without a practical limit."""
    much = Refill(burst=10**9, per_second=1.0)
    return Allowances(clock, per_person=much, per_account=much)


class Some(Alone):
    """The Ownership of a process that holds some accounts."""

    def __init__(self) -> None:
        self.accounts: set[int] = set()

    def owns_account(self, account_id: int) -> bool:
        return account_id in self.accounts


class RelayFixture:
    """The relay, wired as in the bot."""

    def __init__(
        self,
        database: Database,
        *,
        interval: float = 20.0,
        limits: Limits | None = None,
        hours: int = 48,
        api: type[FakeApi] = FakeApi,
        accounts: FakeAccounts | None = None,
        allowances: Callable[[ManualClock], Allowances] | None = None,
        at_once: int = 128,
        per_account: int = 8,
    ) -> None:
        self.database = database
        self.clock = ManualClock()
        self.api = api(self.clock)
        self.accounts = accounts or FakeAccounts()
        self.changes = Changes()
        self.recorded = RecordedChanges()
        self.recorded.listen(self.changes)
        self.interval = interval
        self.hours = hours
        self.at_once, self.per_account = at_once, per_account
        self.timing = Timing(self.clock, Random(2), interval)
        self.fetcher = JobFetcher(self._request, self.accounts, self.timing, self.changes, self.api.retry_times.until)
        self.recorder = JobRecorder(database, self.accounts, self.changes, self.timing, self.discord_now)
        self.poller = self.new_poller()
        self.lookups = Lookups(
            self.fetcher,
            self.recorder,
            self.accounts,
            (allowances or boundless)(self.clock),
            self.changes,
            self._ran_until,
            patience=0.2,
        )
        limits = limits or Limits(500, 500)
        immediate_posts = ImmediatePosts(database.reader, post_at_once)
        self.commands = MemberCommands(database, self.lookups, immediate_posts, self.changes, limits)
        self.running: asyncio.Task[None] | None = None

    ownership: Ownership = ALONE

    def discord_now(self) -> int:
        return self.clock.now() - self.clock.jumped

    async def _request(self, token: str, jobid: str, known: int | None, terms: LookupTerms | None) -> LazyJob:
        return await self.api.fetch(token, jobid, known, terms)

    def _ran_until(self, job_id: int) -> int | None:
        return self.queue.ran_until(job_id)

    def new_poller(self) -> Poller:
        """Polls nothing yet: as after a start."""
        self.job_lists = JobLists(
            self.api.list_active_jobs,
            self.api.kind_of,
            self.accounts.token_of,
            self.fetcher.backoff_until,
            self.timing,
        )
        timing = Timing(self.clock, Random(2), self.interval)
        self.queue = JobQueue(timing, self.hours * HOUR, per_account=self.per_account)
        self.loader = JobLoader(self.database, self.recorder, self.accounts, self.queue, self.ownership)
        poller = Poller(
            self.queue,
            self.loader,
            self.fetcher,
            self.recorder,
            self.job_lists,
            self.accounts,
            at_once=self.at_once,
        )
        for signal in (self.changes.job_asked, self.changes.job_unwatched, self.changes.job_watched):
            signal.listen(self.loader.job_changed)
        self.changes.jobs_found.listen(self.loader.jobs_found)
        self.changes.end_reported.listen(self.loader.end_reported)
        self.changes.api_changed.listen(poller.api_changed)
        return poller

    def ask(self, *, guild: int = GUILD, channel: int = CHANNEL, person: int = PERSON) -> Ask:
        return Ask(guild, channel, person, at=self.clock.now(), sent_at=self.discord_now())

    async def watch(self, jobid: str, **where: int) -> int:
        """Subscribes, as a member would, and answers the job's number."""
        if jobid not in self.api.jobs:
            self.api.put(jobid)
        await self.commands.watch.status(self.ask(**where), jobid, True, False)
        ((number,),) = await self.rows("SELECT max(id) FROM jobs WHERE jobid = ?", jobid)
        return int(str(number))

    def api_is_down(self) -> bool:
        return self.fetcher.down_since is not None

    def run(self) -> None:
        self.running = asyncio.create_task(self.poller.run())

    async def quiet(self) -> None:
        """Waits until the poller has nothing to do before the clock moves."""
        for _ in range(20_000):
            await until_idle()
            if self.running is not None and self.running.done():
                self.running.result()
            busy = self.poller._tasks or self.poller._woken.is_set() or self.fetcher._in_flight
            if not busy and self.clock.earliest() is not None:
                return
            await asyncio.sleep(0.0002)  # lookups have real-time timeouts
        raise AssertionError("the poller does not come to rest")

    async def quiet_but_for_answers(self) -> None:
        """Waits until the poller has nothing to do before the clock moves or a held API response comes."""
        await until_idle()

    async def advance(self, seconds: float) -> None:
        """Advances the clock, stopping at each wake-up time."""
        end = self.clock.monotonic() + seconds
        await self.quiet()
        while (at := self.clock.earliest()) is not None and at <= end:
            self.clock.move_to(at)
            await self.quiet()
        self.clock.move_to(end)
        await self.quiet()

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            self.running = None

    async def close(self) -> None:
        await self.stop()
        await self.fetcher.close()

    async def rows(self, sql: str, *parameters: int | str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await self.database.reader.all(sql, parameters)]

    async def outcomes(self) -> list[tuple[object, ...]]:
        """Kind and channel of every outcome in the outbox."""
        return await self.rows(
            "SELECT kind || iif(round, '-' || round, ''), channel_id FROM deliveries"
            " WHERE kind NOT IN ('card', 'summary') ORDER BY id"
        )


async def open_database(folder: Path) -> Database:
    """A new database with two accounts."""
    database = await Database.open(await lay_database(folder / "relay.db"), connect=connect_inline)
    async with database.transaction() as tx:
        for account_id in (ACCOUNT, OTHER_ACCOUNT):
            await tx.run(
                "INSERT INTO accounts (id, account_key, state_since) VALUES (?, ?, 0)",
                (account_id, f"user:{account_id}"),
            )
    return database
