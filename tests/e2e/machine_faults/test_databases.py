"""A database that is locked by another program, truncated or overwritten, and two bots with one token."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.process import BotProcess
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PAGE = 4096
_LONGEST_WAIT = 10.0
_GONE = "SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Locks the database as another program does while it writes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def test_locked_while_the_bot_runs(harness: Harness, servers: list[GuildFixture]) -> None:
    jobs = [await server.watched() for server in servers]
    with _locked(harness.ledger.path):
        for job in jobs:
            job.complete()
        # Each write waits five seconds for the lock, one after the other.
        answer = await servers[0].status(servers[0].job())
        assert answer.text.startswith("**I'm restarting.**")
        await until(lambda: harness.bot.said("ERROR .*database is locked"), what="a line about the lock")
        assert [server.outcomes() for server in servers] == [[], []]
    for server in servers:
        assert (await server.outcome()).text.startswith("**Your video is ready.**")
        assert (await server.status(server.job())).text.startswith("**Watching.**")
    assert harness.bot.said("Traceback") == []


async def test_a_server_that_reinvites_the_bot_during_a_lock_resumes_later(
    harness: Harness, server: GuildFixture
) -> None:
    job = await server.watched()
    server.guild.remove_bot()
    await harness.pixverse.until(lambda: bool(harness.ledger.rows(_GONE, server.guild.id)))
    with _locked(harness.ledger.path):
        server.guild.add_bot()
        await until(lambda: harness.bot.said("a change in Discord could not be followed"), what="a line about the lock")
    job.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 1)
    assert harness.ledger.rows(_GONE, server.guild.id) == []


async def test_locked_or_damaged_at_the_start(harness: Harness, server: GuildFixture) -> None:
    """The bot prints one line and exits with code 2. It waits for a lock, and leaves a damaged file unchanged."""
    job = await server.watched()
    await harness.stop()
    whole = harness.ledger.path.read_bytes()
    assert len(whole) > 10 * _PAGE
    damaged = {
        "cut short": whole[: len(whole) // 2],
        "written over": whole[:_PAGE] + bytes(range(256)) * (4 * _PAGE // 256) + whole[5 * _PAGE :],
        "a byte more": whole[: 3 * _PAGE + 1],
    }
    waited, *told = await asyncio.gather(
        _waited_for_in_vain(harness),
        *(_told_and_left(harness, name, content) for name, content in damaged.items()),
    )
    assert waited < _LONGEST_WAIT + max(told) + 5, "but for what a start takes, which the others tell"
    await harness.start()
    job.complete()
    await server.outcome()


async def _waited_for_in_vain(harness: Harness) -> float:
    """Gives how many seconds it took."""
    began = time.monotonic()
    with _locked(harness.ledger.path):
        finished = await harness.bot.run(timeout=60)
    assert finished.code == 2
    assert "locked by another program" in finished.lines[-1]
    assert "Traceback" not in finished.text
    return time.monotonic() - began


async def _told_and_left(harness: Harness, name: str, content: bytes) -> float:
    """Gives how many seconds it took."""
    path = harness.folder / name / "relay.db"
    path.parent.mkdir()
    path.write_bytes(content)
    began = time.monotonic()
    finished = await harness.bot.run(changed={"DATABASE_URL": f"sqlite:///{path}"}, timeout=60)
    assert finished.code == 2, name
    assert f"The database {path} is damaged" in finished.lines[-1], name
    assert "Traceback" not in finished.text
    assert path.read_bytes() == content, name
    return time.monotonic() - began


async def test_overwritten_while_the_bot_runs(own_harness: Harness) -> None:
    """Nothing is posted twice, the log reports the damage, and the next start refuses the file."""
    server = await own_harness.server()
    (await server.watched()).complete()
    outcome = await server.outcome()
    job = await server.watched()
    path = own_harness.ledger.path
    pages = path.stat().st_size // _PAGE
    with path.open("r+b") as file:
        file.seek(_PAGE)
        file.write(b"\xff" * (pages - 1) * _PAGE)
    Path(f"{path}-wal").write_bytes(b"")
    job.complete()
    await until(lambda: own_harness.bot.said("ERROR .*(malformed|not a database|corrupt)"), what="a line about damage")
    answer = await server.status(server.job())
    assert re.match(r"\*\*(Something went wrong|I'm restarting)", answer.text), answer.text
    assert server.outcomes()[0] == outcome
    await own_harness.stop()
    finished = await own_harness.bot.run()
    assert finished.code == 2
    assert "is damaged" in finished.lines[-1]


async def test_two_bots_with_separate_databases_and_one_token(own_harness: Harness) -> None:
    servers = [await own_harness.server(generation) for generation in ("v1", "v2")]
    jobs = [await server.watched() for server in servers]
    copy = own_harness.folder / "second" / "relay.db"
    copy.parent.mkdir()
    assert (await own_harness.bot.run("backup", str(copy))).code == 0
    shutil.copy2(f"{own_harness.ledger.path}.key", f"{copy}.key")
    second = BotProcess(
        own_harness.bot.program, own_harness.bot.settings | {"DATABASE_URL": f"sqlite:///{copy}"}, own_harness.folder
    )
    await second.start()
    try:
        await until(lambda: second.said("2 jobs are polled"), what="the second bot")
        for job in jobs:
            job.complete()
        for server in servers:
            await server.outcome()
        await until(lambda: len(second.said(r"\(outcome\).*: done")) == 2, what="the second bot's outcomes")
    finally:
        assert await second.stop() == 0
        own_harness.bot.lines.extend(second.lines)
    for server in servers:
        assert len(server.outcomes()) == 1
        path = f"/channels/{server.channel.id}/messages"
        calls = [call for call in own_harness.discord.requests if call.method == "POST" and call.path == path]
        outcomes = [call for call in calls if "outcome:details" in str(call.json)]
        assert len(outcomes) == 2
        assert len({call.body["nonce"] for call in outcomes}) == 1
