"""Several bots on one PostgreSQL database: together they do each thing once, and one may vanish at any time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from storage.processes import LEASE_SECONDS
from storage.vault import new_key
from tests.e2e.forking import Nursery
from tests.e2e.ledger import PostgresLedger
from tests.e2e.process import BotProcess
from tests.e2e.stage import Stage
from tests.e2e.town import Town
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TAKEN_OVER_WITHIN = 20.0


class Pair:
    """Two bots on one database: that of the stage, and another one."""

    def __init__(self, stage: Stage, nursery: Nursery | None) -> None:
        self.stage = stage
        another = stage.folder / "another"
        another.mkdir()
        self.bots = (stage.bot, BotProcess(stage.bot.program, stage.bot.settings, another, nursery))

    async def start(self) -> None:
        await self.stage.start()
        await self.bots[1].start()
        await until(lambda: len(self.processes()) == 2, what="both processes")

    async def close(self) -> None:
        if self.bots[1].running:
            await self.bots[1].kill()

    def processes(self) -> list[str]:
        return [row["id"] for row in self.stage.ledger.rows("SELECT id FROM processes ORDER BY started_at")]

    def bot_of(self, process_id: str) -> BotProcess:
        (bot,) = [bot for bot in self.bots if any(f"process {process_id} works" in line for line in bot.lines)]
        return bot

    def owner_of(self, town: Town) -> str | None:
        """The process that polls the account of a server."""
        rows = self.stage.ledger.rows(
            "SELECT owner FROM account_leases JOIN servers USING (account_id) WHERE guild_id = ?", town.guild.id
        )
        return rows[0]["owner"] if rows else None

    def holder(self) -> str | None:
        """The process that posts."""
        rows = self.stage.ledger.rows("SELECT owner FROM shard_leases ORDER BY shard_id")
        return rows[0]["owner"] if rows else None


@pytest_asyncio.fixture(loop_scope="module")
async def pair(
    program: Path, nursery: Nursery | None, postgres_server: PostgresServer, tmp_path: Path
) -> AsyncIterator[Pair]:
    url = postgres_server.new_database(tables=False)
    key = new_key()
    settings = {"DATABASE_URL": url.secret.get_secret_value(), "ENCRYPTION_KEY": key}
    stage = await Stage.build(program, tmp_path, settings, nursery, PostgresLedger(url))
    made = Pair(stage, nursery)
    try:
        await made.start()
        yield made
    finally:
        await made.close()
        await stage.close()


async def _town_of(pair: Pair, process_id: str) -> Town:
    """A server whose account this process polls."""
    while True:
        town = await pair.stage.town()
        owner = await _owner(pair, town)
        if owner == process_id:
            return town


async def _owner(pair: Pair, town: Town) -> str:
    await until(lambda: pair.owner_of(town) is not None, what="somebody polls the account")
    owner = pair.owner_of(town)
    assert owner is not None
    return owner


async def test_what_one_polls_the_other_posts(pair: Pair) -> None:
    holder = pair.holder()
    (other,) = [process for process in pair.processes() if process != holder]
    for process in (holder, other):
        assert process is not None
        town = await _town_of(pair, process)
        job = await town.watched()
        job.complete()
        outcome = await town.outcome()
        assert outcome.attachments
        assert pair.owner_of(town) == process


async def test_one_that_is_killed_is_replaced(pair: Pair) -> None:
    """First the one that posts, which is the harder case."""
    holder = pair.holder()
    assert holder is not None
    (other,) = [process for process in pair.processes() if process != holder]
    town = await _town_of(pair, holder)
    job = await town.watched()
    await pair.bot_of(holder).kill()
    job.complete()
    outcome = await town.outcome(timeout=_TAKEN_OVER_WITHIN)
    assert outcome.attachments
    assert (pair.holder(), pair.owner_of(town), pair.processes()) == (other, other, [other])
    await until(lambda: pair.stage.discord.bot_connected, what="the gateway is connected again")
    answer = await town.status(town.job())
    assert answer.text.startswith("**Watching.**"), answer


async def test_one_that_is_halted_for_longer_than_its_lease_sends_nothing_twice(pair: Pair) -> None:
    holder = pair.holder()
    assert holder is not None
    halted = pair.bot_of(holder)
    town = await _town_of(pair, holder)
    job = await town.watched()
    os.kill(halted.pid, signal.SIGSTOP)
    job.complete()
    await asyncio.sleep(LEASE_SECONDS)
    await town.outcome(timeout=_TAKEN_OVER_WITHIN)
    os.kill(halted.pid, signal.SIGCONT)
    await until(lambda: len(pair.processes()) == 2, what="the halted one begins again")
    second = await town.watched()
    second.complete()
    await pair.stage.discord.until(lambda: len(town.outcomes()) == 2, what="the second outcome")
    await town.settled()
    assert len(town.outcomes()) == 2
