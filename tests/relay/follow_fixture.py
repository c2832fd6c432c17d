"""The relay of `world`, with channels that follow accounts."""

from __future__ import annotations

import asyncio
from random import Random
from types import CoroutineType

from relay.cluster.ownership import ALONE, Ownership
from relay.commands.subscribe import Limits
from relay.follow.account_follower import AccountFollower
from relay.follow.job_importer import JobImporter
from relay.polling.schedule import Timing
from storage import follows
from storage.database import Database
from storage.follows import FollowRow
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, FakeAccounts, RelayFixture

ADMIN = 66


class FollowingAccounts(FakeAccounts):
    """Every server has set the first account itself, unless a test says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: set[int] = set()
        """Servers that use the operator's account."""

    def own(self, guild_id: int) -> int | None:
        return None if guild_id in self.operators else self.in_force(guild_id)


class FollowFixture(RelayFixture):
    """The relay with follows, wired as in the bot."""

    accounts: FollowingAccounts

    def __init__(
        self,
        database: Database,
        *,
        interval: float = 20.0,
        limits: Limits | None = None,
        ownership: Ownership = ALONE,
    ) -> None:
        self.ownership = ownership
        limits = limits or Limits(500, 500)
        super().__init__(database, interval=interval, limits=limits, accounts=FollowingAccounts())
        timing = Timing(self.clock, Random(4), self.interval)
        self.importer = JobImporter(database, self.accounts, self.changes, timing, limits)
        self.follows = AccountFollower(
            self.importer, self.job_lists, self.accounts, self.queue, timing, kinds=("v1", "v2"), ownership=ownership
        )
        self._following: asyncio.Task[None] | None = None

    async def follow(
        self, *, guild: int = GUILD, channel: int = CHANNEL, account: int = ACCOUNT, progress: bool = False
    ) -> None:
        async with self.database.transaction() as tx:
            await follows.put(tx, FollowRow(guild, channel, account, progress, ADMIN, self.clock.now()))
        self.follows.changed()

    def poll(self) -> None:
        """Runs the poller alone."""
        super().run()

    def run(self) -> None:
        self.poll()
        self._following = asyncio.create_task(self.follows.run())

    async def quiet(self) -> None:
        for _ in range(20_000):
            await super().quiet()
            if all(map(_sleeps, self._tasks())):
                return
        raise AssertionError("the follows do not come to rest")

    def _tasks(self) -> list[asyncio.Task[None]]:
        of_accounts = [task for task in asyncio.all_tasks() if task.get_name().startswith("follow ")]
        return [task for task in (self.running, self._following, *of_accounts) if task is not None]

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None
        await super().stop()


def _sleeps(task: asyncio.Task[None]) -> bool:
    """Whether the task waits for the clock or for a wake-up that hasn't come."""
    if task.done():
        task.result()
    inner: object = task.get_coro()
    while isinstance(inner, CoroutineType):
        frame = inner.cr_frame
        if inner.__name__ == "sleep_unless_woken":
            inside = {} if frame is None else frame.f_locals
            return "timer" in inside and inside["timer"].runs and not inside["woken"].is_set()
        if inner.__name__ == "sleep" and frame is not None:
            sleeper = frame.f_locals.get("sleeper")
            return sleeper is not None and not sleeper.done()
        inner = inner.cr_await
    return False
