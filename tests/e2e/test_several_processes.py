"""Several bots on one PostgreSQL database do everything once, even if one disappears at any time."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from sandbox.ports import free_port
from settings import PostgresUrl
from storage.secret_store import new_key
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.ledger import PostgresLedger
from tests.e2e.process import BotProcess
from tests.e2e.waiting import until
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TAKEN_OVER_WITHIN = 20.0
_LISTED = re.compile(
    r"Process (?P<id>[0-9a-f]{32}): version \S+, running, for [0-9:]+; "
    r"shards: (?P<shards>[0-9]+|none); accounts: (?P<accounts>[0-9]+)\."
)


class Pair:
    """Two bots on one database: the harness's bot and another one."""

    def __init__(self, harness: Harness, fork_server: ForkServer | None, of_second: Mapping[str, str]) -> None:
        self.harness = harness
        another = harness.folder / "another"
        another.mkdir()
        self.bots = (
            harness.bot,
            BotProcess(harness.bot.program, {**harness.bot.settings, **of_second}, another, fork_server),
        )

    async def start(self) -> None:
        await self.harness.start()
        await self.bots[1].start()
        await until(lambda: len(self.processes()) == 2, what="both processes")

    async def close(self) -> None:
        if self.bots[1].running:
            await self.bots[1].kill()

    def processes(self) -> list[str]:
        return [row["id"] for row in self.harness.ledger.rows("SELECT id FROM processes ORDER BY started_at")]

    def bot_of(self, process_id: str) -> BotProcess:
        (bot,) = [bot for bot in self.bots if any(f"process {process_id} works" in line for line in bot.lines)]
        return bot

    def owner_of(self, server: GuildFixture) -> str | None:
        """The process that polls the account of a server."""
        rows = self.harness.ledger.rows(
            "SELECT owner FROM account_leases JOIN servers USING (account_id) WHERE guild_id = ?", server.guild.id
        )
        return rows[0]["owner"] if rows else None

    def holder(self) -> str | None:
        """The process that posts deliveries."""
        rows = self.harness.ledger.rows("SELECT owner FROM shard_leases ORDER BY shard_id")
        return rows[0]["owner"] if rows else None

    async def all_is_with(self, process_id: str, server: GuildFixture) -> None:
        """Waits until this process is the only one, posts, and polls the account of a server."""
        await until(
            lambda: self.processes() == [process_id] and {self.holder(), self.owner_of(server)} == {process_id},
            what="one process does everything",
        )


Begin = Callable[..., Awaitable[Pair]]


@pytest_asyncio.fixture(loop_scope="module")
async def begin(
    program: Path, fork_server: ForkServer | None, postgres_server: PostgresServer, tmp_path: Path
) -> AsyncIterator[Begin]:
    """Starts two bots, with settings for both and for the second alone."""
    async with AsyncExitStack() as stack:

        async def make(of_second: Mapping[str, str] | None = None, **of_both: str) -> Pair:
            url = postgres_server.new_database(tables=False)
            key = new_key()
            settings = {"DATABASE_URL": url.secret.get_secret_value(), "ENCRYPTION_KEY": key, **of_both}
            harness = await Harness.build(program, tmp_path, settings, fork_server, PostgresLedger(url))
            stack.push_async_callback(harness.close)
            made = Pair(harness, fork_server, of_second or {})
            stack.push_async_callback(made.close)
            await made.start()
            return made

        yield make


@pytest_asyncio.fixture(loop_scope="module")
async def pair(begin: Begin) -> Pair:
    return await begin()


async def _town_of(pair: Pair, process_id: str) -> GuildFixture:
    """A server whose account this process polls."""
    while True:
        server = await pair.harness.server()
        owner = await _owner(pair, server)
        if owner == process_id:
            return server


async def _owner(pair: Pair, server: GuildFixture) -> str:
    await until(lambda: pair.owner_of(server) is not None, what="somebody polls the account")
    owner = pair.owner_of(server)
    assert owner is not None
    return owner


async def test_one_process_posts_what_another_polled(pair: Pair) -> None:
    holder = pair.holder()
    (other,) = [process for process in pair.processes() if process != holder]
    for process in (holder, other):
        assert process is not None
        server = await _town_of(pair, process)
        job = await server.watched()
        job.complete()
        outcome = await server.outcome()
        assert outcome.attachments
        assert pair.owner_of(server) == process


async def test_check_lists_the_processes_with_what_they_hold(pair: Pair) -> None:
    server = await _town_of(pair, pair.processes()[0])
    await until(lambda: pair.holder() is not None, what="somebody holds the shard")
    checked = await pair.harness.bot.run("check")
    assert (checked.code, "Processes: 2." in checked.lines) == (0, True), checked.text
    told = [match for line in checked.lines if (match := _LISTED.fullmatch(line))]
    assert [match["id"] for match in told] == pair.processes()
    shards = {match["id"]: match["shards"] for match in told}
    assert shards == {process: "0" if process == pair.holder() else "none" for process in pair.processes()}
    assert sum(int(match["accounts"]) for match in told) >= 1
    assert str(server.guild.id) not in checked.text
    assert "@" not in "".join(line for line in checked.lines if line.startswith("Process"))


async def test_a_killed_process_is_replaced(pair: Pair) -> None:
    """The process that posts is killed first, which is the harder case."""
    holder = pair.holder()
    assert holder is not None
    (other,) = [process for process in pair.processes() if process != holder]
    server = await _town_of(pair, holder)
    job = await server.watched()
    await pair.bot_of(holder).kill()
    job.complete()
    outcome = await server.outcome(timeout=_TAKEN_OVER_WITHIN)
    assert outcome.attachments
    await pair.all_is_with(other, server)
    await until(lambda: pair.harness.discord.bot_connected, what="the gateway is connected again")
    answer = await server.status(server.job())
    assert answer.text.startswith("**Watching.**"), answer


async def test_a_stopped_process_hands_over_before_it_ends(pair: Pair) -> None:
    holder = pair.holder()
    assert holder is not None
    (other,) = [process for process in pair.processes() if process != holder]
    server = await _town_of(pair, holder)
    job = await server.watched()
    stopped = pair.bot_of(holder)
    stopped.terminate()
    while stopped.running:
        answer = await server.status(server.job())
        assert answer.text.startswith("**Watching.**"), answer
        assert pair.harness.discord.bot_connected
        await asyncio.sleep(0.5)  # A person's commands per minute are limited.
    assert await stopped.ended() == 0
    await pair.all_is_with(other, server)
    job.complete()
    await pair.harness.discord.until(lambda: len(server.outcomes()) == 1, what="the outcome")


async def _known_to(address: str) -> None:
    """Waits until the process at this address has read the other process's changes."""
    async with asyncio.timeout(10), aiohttp.ClientSession() as session:
        while True:
            async with session.post(address, json={}) as response:
                if response.status == 200:
                    return
            await asyncio.sleep(0.1)


async def test_a_callback_that_arrives_at_the_wrong_process(begin: Begin) -> None:
    """The process that polls the account learns of the callback, long before its next poll."""
    port = free_port()
    pair = await begin(
        {"CALLBACK_PORT": str(free_port())},
        POLL_INTERVAL="60",
        CALLBACK_PORT=str(port),
        PUBLIC_URL=f"http://127.0.0.1:{port}",
    )
    for process in pair.processes():
        server = await _town_of(pair, process)
        shown = await server.admin.slash(server.channel, "pixverse-admin callback")
        found = re.search(r"`(http://127\.0\.0\.1:\d+/callback/([\w-]{43}))`", shown.text)
        assert found is not None
        pair.harness.for_one_alone.append(found[2])
        server.account.reply_url = found[1]
        await _known_to(found[1])
        job = await server.watched()
        job.complete()
        await server.outcome(timeout=10)


async def test_a_card_tells_of_an_outage_that_the_process_that_polls_its_job_sees(pair: Pair) -> None:
    """Members' lookups fail in the process that edits the card, which polls no job that would show that the API is
    back."""
    holder = pair.holder()
    assert holder is not None
    (other,) = [process for process in pair.processes() if process != holder]
    server = await _town_of(pair, other)
    await server.watched()
    pair.harness.pixverse.off()
    try:
        await server.card_says("**On hold: PixVerse's API isn't answering.**")
        while not pair.bot_of(holder).said("PixVerse API does not answer"):
            await server.status(server.job(), private=True)
            await asyncio.sleep(0.3)
    finally:
        pair.harness.pixverse.on()
    await server.card_says("**Waiting to start.**")


async def test_a_process_halted_for_longer_than_its_lease_sends_nothing_twice(pair: Pair) -> None:
    holder = pair.holder()
    assert holder is not None
    halted = pair.bot_of(holder)
    server = await _town_of(pair, holder)
    job = await server.watched()
    os.kill(halted.pid, signal.SIGSTOP)
    job.complete()
    await server.outcome(timeout=_TAKEN_OVER_WITHIN)
    os.kill(halted.pid, signal.SIGCONT)
    await until(lambda: len(pair.processes()) == 2, what="the halted one begins again")
    second = await server.watched()
    second.complete()
    await pair.harness.discord.until(lambda: len(server.outcomes()) == 2, what="the second outcome")
    await server.settled()
    assert len(server.outcomes()) == 2


async def test_a_process_that_was_away_while_the_key_was_changed_ends(
    pair: Pair, postgres_server: PostgresServer
) -> None:
    """The operator believed that every process was stopped. What this one stored would be unreadable to the others."""
    halted, other = pair.bots
    await other.kill()
    os.kill(halted.pid, signal.SIGSTOP)
    url = pair.harness.ledger.place
    assert isinstance(url, PostgresUrl)
    postgres_server.end_connections(url)
    new = new_key()
    rotated = await halted.run("rotate-key", changed={"ENCRYPTION_KEY": f"{new},{halted.settings['ENCRYPTION_KEY']}"})
    assert rotated.code == 0
    os.kill(halted.pid, signal.SIGCONT)
    assert await halted.ended() == 2
    assert halted.said("ENCRYPTION_KEY is not the key of this database")
