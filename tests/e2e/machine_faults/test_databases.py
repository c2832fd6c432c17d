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
from tests.e2e.process import BotProcess
from tests.e2e.stage import Stage
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


async def test_locked_while_the_bot_runs(stage: Stage, servers: list[GuildFixture]) -> None:
    jobs = [await server.watched() for server in servers]
    with _locked(stage.ledger.path):
        for job in jobs:
            job.complete()
        # Each write waits five seconds for the lock, one after the other.
        answer = await servers[0].status(servers[0].job())
        assert answer.text.startswith("**I'm restarting.**")
        await until(lambda: stage.bot.said("ERROR .*database is locked"), what="a line about the lock")
        assert [server.outcomes() for server in servers] == [[], []]
    for server in servers:
        assert (await server.outcome()).text.startswith("**Your video is ready.**")
        assert (await server.status(server.job())).text.startswith("**Watching.**")
    assert stage.bot.said("Traceback") == []


async def test_a_server_that_reinvites_the_bot_during_a_lock_resumes_later(stage: Stage, server: GuildFixture) -> None:
    job = await server.watched()
    server.guild.remove_bot()
    await stage.pixverse.until(lambda: bool(stage.ledger.rows(_GONE, server.guild.id)))
    with _locked(stage.ledger.path):
        server.guild.add_bot()
        await until(lambda: stage.bot.said("a change in Discord could not be followed"), what="a line about the lock")
    job.complete()
    await stage.discord.until(lambda: len(server.outcomes()) == 1)
    assert stage.ledger.rows(_GONE, server.guild.id) == []


async def test_locked_or_damaged_at_the_start(stage: Stage, server: GuildFixture) -> None:
    """The bot prints one line and exits with code 2. It waits for a lock, and leaves a damaged file unchanged."""
    job = await server.watched()
    await stage.stop()
    whole = stage.ledger.path.read_bytes()
    assert len(whole) > 10 * _PAGE
    damaged = {
        "cut short": whole[: len(whole) // 2],
        "written over": whole[:_PAGE] + bytes(range(256)) * (4 * _PAGE // 256) + whole[5 * _PAGE :],
        "a byte more": whole[: 3 * _PAGE + 1],
    }
    waited, *told = await asyncio.gather(
        _waited_for_in_vain(stage),
        *(_told_and_left(stage, name, content) for name, content in damaged.items()),
    )
    assert waited < _LONGEST_WAIT + max(told) + 5, "but for what a start takes, which the others tell"
    await stage.start()
    job.complete()
    await server.outcome()


async def _waited_for_in_vain(stage: Stage) -> float:
    """Gives how many seconds it took."""
    began = time.monotonic()
    with _locked(stage.ledger.path):
        finished = await stage.bot.run(timeout=60)
    assert finished.code == 2
    assert "locked by another program" in finished.lines[-1]
    assert "Traceback" not in finished.text
    return time.monotonic() - began


async def _told_and_left(stage: Stage, name: str, content: bytes) -> float:
    """Gives how many seconds it took."""
    path = stage.folder / name / "relay.db"
    path.parent.mkdir()
    path.write_bytes(content)
    began = time.monotonic()
    finished = await stage.bot.run(changed={"DATABASE_URL": f"sqlite:///{path}"}, timeout=60)
    assert finished.code == 2, name
    assert f"The database {path} is damaged" in finished.lines[-1], name
    assert "Traceback" not in finished.text
    assert path.read_bytes() == content, name
    return time.monotonic() - began


async def test_overwritten_while_the_bot_runs(own_stage: Stage) -> None:
    """Nothing is posted twice, the log reports the damage, and the next start refuses the file."""
    server = await own_stage.server()
    (await server.watched()).complete()
    outcome = await server.outcome()
    job = await server.watched()
    path = own_stage.ledger.path
    pages = path.stat().st_size // _PAGE
    with path.open("r+b") as file:
        file.seek(_PAGE)
        file.write(b"\xff" * (pages - 1) * _PAGE)
    Path(f"{path}-wal").write_bytes(b"")
    job.complete()
    await until(lambda: own_stage.bot.said("ERROR .*(malformed|not a database|corrupt)"), what="a line about damage")
    answer = await server.status(server.job())
    assert re.match(r"\*\*(Something went wrong|I'm restarting)", answer.text), answer.text
    assert server.outcomes()[0] == outcome
    await own_stage.stop()
    finished = await own_stage.bot.run()
    assert finished.code == 2
    assert "is damaged" in finished.lines[-1]


async def test_two_bots_with_separate_databases_and_one_token(own_stage: Stage) -> None:
    servers = [await own_stage.server(generation) for generation in ("v1", "v2")]
    jobs = [await server.watched() for server in servers]
    copy = own_stage.folder / "second" / "relay.db"
    copy.parent.mkdir()
    assert (await own_stage.bot.run("backup", str(copy))).code == 0
    shutil.copy2(f"{own_stage.ledger.path}.key", f"{copy}.key")
    second = BotProcess(
        own_stage.bot.program, own_stage.bot.settings | {"DATABASE_URL": f"sqlite:///{copy}"}, own_stage.folder
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
        own_stage.bot.lines.extend(second.lines)
    for server in servers:
        assert len(server.outcomes()) == 1
        path = f"/channels/{server.channel.id}/messages"
        calls = [call for call in own_stage.discord.requests if call.method == "POST" and call.path == path]
        outcomes = [call for call in calls if "outcome:details" in str(call.json)]
        assert len(outcomes) == 2
        assert len({call.body["nonce"] for call in outcomes}) == 1
