"""The real bot in its own process, and the sandbox's Discord and PixVerse in this one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from sandbox.pixverse_api.accounts import Account
from settings import DatabasePlace
from storage import accounts, servers
from storage.database import Database
from storage.engines.sqlite.preparation import make_file
from storage.secret_store import SecretStore
from tests.e2e.harness import Harness
from tests.e2e.process import copy_program

_UNBOUNDED = dict.fromkeys(("COMMANDS_PER_MINUTE", "MAX_OPEN_PER_SERVER", "MAX_OPEN_PER_USER"), "1000000")


@asynccontextmanager
async def open_harness(**settings: str) -> AsyncIterator[Harness]:
    """Runs both sandboxes; the bot isn't started yet."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        harness = await Harness.build(copy_program(folder / "bot"), folder, {**_UNBOUNDED, **settings})
        try:
            yield harness
        finally:
            if harness.bot.running:
                await harness.bot.stop()
            await harness.discord.stop(strict=False)
            await harness.pixverse.stop()


@dataclass(frozen=True, slots=True)
class BenchmarkServer:
    """A server with one channel, and the token of its own account."""

    guild_id: int
    channel_id: int
    token: str

    @property
    def account_key(self) -> str:
        """The account's key, `user:<n>`, from the token."""
        return self.token.partition("-")[0]


def add_servers(harness: Harness, count: int) -> list[tuple[BenchmarkServer, Account]]:
    """This many servers, each with an account in the sandbox."""
    made = []
    for number in range(count):
        guild, account = harness.discord.add_guild(f"Studio {number}"), harness.account()
        made.append((BenchmarkServer(guild.id, guild.add_text_channel("videos").id, account.token), account))
    return made


async def set_tokens(place: DatabasePlace, made: Sequence[BenchmarkServer], keys: Sequence[str] = ()) -> None:
    """Does for each server what `token set` would do, in the database of a bot that isn't running."""
    if isinstance(place, Path):
        make_file(place)
    database = await Database.open(place)
    try:
        secret_store = await SecretStore.open(database, keys)
        async with database.transaction() as tx:
            for one in made:
                account = await accounts.put_token(
                    tx, one.account_key, secret_store.encrypt(one.token), one.account_key, 0
                )
                await servers.set_account(tx, one.guild_id, account.id, 1)
    finally:
        await database.close()


def resident_bytes(pid: int) -> int:
    """A process's resident memory in bytes."""
    return int(psutil.Process(pid).memory_info().rss)


async def settled_bytes(pid: int, seconds: float) -> int:
    """A process's resident memory in bytes, after this many idle seconds."""
    await asyncio.sleep(seconds)
    return resident_bytes(pid)
