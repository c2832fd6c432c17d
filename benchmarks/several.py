"""Several real bots on a PostgreSQL that syncs its writes, with the sandbox's Discord and PixVerse in this process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.ports import free_port
from settings import PostgresUrl
from storage.secret_store import new_key
from tests.e2e.harness import Harness
from tests.e2e.ledger import PostgresLedger
from tests.e2e.process import BotProcess, copy_program
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer

_UNBOUNDED = dict.fromkeys(("COMMANDS_PER_MINUTE", "MAX_OPEN_PER_SERVER", "MAX_OPEN_PER_USER"), "1000000")


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """A server like an operator's: it loses nothing at a power cut, and has memory."""
    with PostgresServer() as server:
        with closing(server.admin()) as connection:
            for setting in ("fsync = on", "full_page_writes = on", "autovacuum = on", "shared_buffers = '256MB'"):
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        server.kill()
        server.start()
        yield server


@dataclass(frozen=True, slots=True)
class Several:
    """Bots on one database, not started yet. Each has its own callback port and its own addresses of both sandboxes, in
    which its name is its index in `bots`."""

    harness: Harness
    bots: tuple[BotProcess, ...]
    url: PostgresUrl
    key: str

    def processes(self) -> list[str]:
        """The ids of the registered processes, oldest first."""
        return [row["id"] for row in self.harness.ledger.rows("SELECT id FROM processes ORDER BY started_at")]

    def bot_of(self, process_id: str) -> BotProcess:
        """The bot whose process has this id now."""
        (bot,) = [bot for bot in self.bots if any(f"process {process_id} works" in line for line in bot.lines)]
        return bot

    async def start(self) -> None:
        """Starts all bots, and waits until each is registered, all shards are held and the commands are registered."""
        for bot in self.bots:
            await bot.start(forked=False)
        await self.harness.ready()
        await until(lambda: len(self.processes()) == len(self.bots), what="every process")
        shards = self.harness.discord.gateway.shards
        await until(lambda: len(self.harness.discord.gateway.connected) == shards, what="every shard")


@asynccontextmanager
async def several(server: PostgresServer, count: int, **settings: str) -> AsyncIterator[Several]:
    """This many bots with these settings, and a new database."""
    url, key = server.new_database(), new_key()
    shared = {"DATABASE_URL": url.secret.get_secret_value(), "ENCRYPTION_KEY": key, **_UNBOUNDED, **settings}
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        harness = await Harness.build(copy_program(folder / "bot"), folder, shared, ledger=PostgresLedger(url))
        bots = []
        for number in range(count):
            port = str(free_port())
            own = {
                "DISCORD_API_URL": harness.discord.api_url_of(str(number)),
                "USEAPI_URL": settings.get("USEAPI_URL") or await harness.pixverse.base_of(str(number)),
                "CALLBACK_PORT": port,
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
            }
            (folder / f"bot {number}").mkdir()
            bots.append(BotProcess(harness.bot.program, {**harness.bot.settings, **own}, folder / f"bot {number}"))
        harness.bot = bots[0]
        try:
            yield Several(harness, tuple(bots), url, key)
        finally:
            await asyncio.gather(*(bot.kill() for bot in bots if bot.running))
            await harness.discord.stop(strict=False)
            await harness.pixverse.stop()
            server.drop(url)
