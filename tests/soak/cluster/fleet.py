"""Bots that share one database, each with its own proxy to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Self

from storage.secret_store import new_key
from tests.e2e.cluster.crowd import Crowd
from tests.e2e.forking import ForkServer
from tests.e2e.process import BotProcess
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer, name_of
from tests.tcp_proxy import TcpProxy

_SETTINGS = {
    "POLL_INTERVAL": "2",
    "COMMANDS_PER_MINUTE": "100000",
    "MAX_OPEN_PER_USER": "100000",
    "MAX_OPEN_PER_SERVER": "100000",
}
HEALED_WITHIN_S = 60.0


class Fleet:
    """Starts bots, and knows which ones run."""

    def __init__(self, crowd: Crowd, server: PostgresServer, shards: int, stack: AsyncExitStack) -> None:
        self.crowd = crowd
        self.server = server
        self.database = server.new_database(tables=False)
        self.shards = shards
        self.lines: dict[str, TcpProxy] = {}
        """The proxies to the database, by the bot's name."""
        self.retired: set[str] = set()
        """Bots that were replaced for good."""
        self.lives = 0
        self._stack = stack
        self._settings = _SETTINGS | {"ENCRYPTION_KEY": new_key()}
        self._numbers = count(1)

    @classmethod
    @asynccontextmanager
    async def build(
        cls, program: Path, folder: Path, shards: int, max_concurrency: int, fork_server: ForkServer | None = None
    ) -> AsyncIterator[Self]:
        """A Discord with this many shards, a PixVerse and a PostgreSQL, without a bot."""
        async with AsyncExitStack() as stack:
            server = stack.enter_context(PostgresServer())
            crowd = await Crowd.build(program, folder, fork_server)
            fleet = cls(crowd, server, shards, stack)
            stack.push_async_callback(crowd.close)
            await crowd.discord.order(
                "settings",
                shards=shards,
                max_concurrency=max_concurrency,
                session_starts=10_000,
                enforce_session_starts=True,
            )
            yield fleet

    @property
    def running(self) -> list[str]:
        """The names of the running bots, including halted ones."""
        return [name for name, bot in self.crowd.bots.items() if bot.running]

    async def add(self) -> str:
        """Starts another bot and returns its name."""
        name = f"bot-{next(self._numbers)}"
        line = self.lines[name] = await self._stack.enter_async_context(TcpProxy.to(self.server.port))
        url = self.server.url(name_of(self.database), port=line.port).secret.get_secret_value()
        self.lives += 1
        await self.crowd.add_bot(name, **self._settings, DATABASE_URL=url)
        return name

    async def start(self, name: str) -> None:
        """Starts a bot again that was ended."""
        self.lives += 1
        await self.crowd.bots[name].start()

    async def joined(self, bot: BotProcess, life: int = 1) -> None:
        """Waits until a bot has joined the others in its n-th life."""
        await until(lambda: len(bot.said(r"process \w+ works with the database")) >= life, what="it has joined")

    async def replace(self, old: str) -> str:
        """Rolling update of one bot: a new one joins, then the old one gets SIGTERM. Returns the new one's name."""
        new = await self.add()
        await self.joined(self.crowd.bots[new])
        code = await self.end(old)
        assert code == 0, f"{old} ended with {code}"
        return new

    async def end(self, name: str) -> int:
        """Ends a bot for good with SIGTERM. Returns the exit code."""
        self.retired.add(name)
        self.crowd.bots[name].terminate()
        return await self.crowd.bots[name].ended(timeout=45)

    async def kill(self, name: str) -> None:
        """Ends a bot for good with SIGKILL."""
        self.retired.add(name)
        await self.crowd.bots[name].kill()

    async def healed(self) -> None:
        """Waits until each shard has exactly one session, all held by running bots, and the commands are registered.

        Restarts bots that ended by themselves, as a supervisor would, for example one that was started while PostgreSQL
        was down.
        """
        async with asyncio.timeout(HEALED_WITHIN_S):
            while True:
                for name in self.crowd.bots.keys() - self.retired:
                    if not self.crowd.bots[name].running:
                        await self.start(name)
                if await self._is_whole():
                    await self.crowd.discord.order("ready", sessions=self.shards, timeout_s=HEALED_WITHIN_S)
                    return
                await asyncio.sleep(0.2)

    async def _is_whole(self) -> bool:
        sessions = await self.crowd.discord.order("sessions")
        shards = sorted(session["shard"] for session in sessions)
        return shards == list(range(self.shards)) and {session["caller"] for session in sessions} <= set(self.running)
