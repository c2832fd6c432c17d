"""The real account registry with a real database, and a simple API, clock and collaborators."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from pixverse.api import PixVerseApi
from pixverse.api_client import RetryTimes
from pixverse.api_errors import PixVerseError, RateLimited, TokenRefused
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.rechecks import RECHECK_INTERVALS, Rechecks
from relay.accounts.server_tokens import ServerTokens
from relay.changes import Changes
from storage.database import Database
from storage.secret_store import SecretStore
from tests.clock import ManualClock
from tests.inline_database import connect_inline
from tests.new_database import lay_database
from tests.relay.recorded_changes import RecordedChanges

INTERVAL = 20.0


class TokenApi(PixVerseApi):
    """An API that accepts some tokens and refuses all others."""

    def __init__(self, clock: ManualClock) -> None:
        self.retry_times = RetryTimes(clock.monotonic)
        self.retry_at = self.retry_times.until
        self.answers: dict[str, PixVerseError | None] = {}
        self.in_work: dict[str, tuple[str, ...]] = {}
        self.asked: list[str] = []
        self._held: dict[str, asyncio.Event] = {}

    def holds(self, token: str) -> asyncio.Event:
        """Holds the next responses for this token until the event is set."""
        self._held[token] = asyncio.Event()
        return self._held[token]

    def works(self, *tokens: str) -> None:
        for token in tokens:
            self.answers[token] = None

    async def all_active_jobs(self, token: str) -> tuple[str, ...]:
        self.asked.append(token)
        await asyncio.sleep(0)
        if token in self._held:
            await self._held[token].wait()
        error = self.answers.get(token, TokenRefused("unknown"))
        if isinstance(error, RateLimited) and error.retry_after is not None:
            self.retry_times.note(token, error.retry_after)
        if error is not None:
            raise error
        return self.in_work.get(token, ())


class AccountsFixture:
    """The relay's account parts, wired as in the bot."""

    database: Database
    accounts: AccountRegistry
    tokens: ServerTokens
    rechecks: Rechecks
    changes: Changes

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key
        self.recorded = RecordedChanges()
        self.clock = ManualClock()
        self.api = TokenApi(self.clock)

    @classmethod
    async def open(cls, path: Path, key: str, operator_token: str | None = None) -> AccountsFixture:
        world = cls(path, key)
        await world._build(operator_token)
        return world

    async def close(self) -> None:
        recorded = self.recorded
        assert (recorded.news, recorded.unwatched, recorded.api) == ([], [], 0), "tokens change no job, nor the API"
        await self.database.close()

    async def restart(self, operator_token: str | None = None) -> None:
        await self.database.close()
        await self._build(operator_token)

    async def _build(self, operator_token: str | None) -> None:
        self.database = await Database.open(await lay_database(self._path), connect=connect_inline, busy_seconds=0.02)
        self.changes = Changes()
        self.recorded.listen(self.changes)
        secret_store = await SecretStore.open(self.database, [self._key])
        self.accounts = AccountRegistry(
            self.database,
            secret_store,
            self.clock,
            self.changes,
            recheck_seconds=RECHECK_INTERVALS * INTERVAL,
            operator_token=operator_token,
        )
        await self.accounts.start()
        self.rechecks = Rechecks(self.accounts, self.api, self.clock, recheck_seconds=RECHECK_INTERVALS * INTERVAL)
        self.tokens = ServerTokens(self.database, secret_store, self.clock, self.accounts, self.api, self.changes)
        self.changes.account_changed.listen(self.rechecks.account_changed)
        self.changes.account_doubted.listen(self.rechecks.try_soon)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.rechecks.run())
        await self._settle()
        yield
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def pass_time(self, seconds: float) -> None:
        self.clock.forward(seconds)
        await self._settle()

    async def _settle(self) -> None:
        """Waits until the loop's pending work is done, including its transactions."""
        for _ in range(6):
            for _ in range(20):
                await asyncio.sleep(0)
            await self.database.flush()

    @asynccontextmanager
    async def locked_by_another_program(self) -> AsyncIterator[None]:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield

    async def data_version(self) -> int:
        """Changes with every commit of the writing connection."""
        row = await self.database.reader.one("PRAGMA data_version")
        assert row is not None
        return int(row[0])
