"""`python bot.py check | backup PATH | rotate-key`; each command runs as a real process once."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from sandbox.discord_wire import Body
from sandbox.ports import free_port
from settings import VERSION
from storage.database import Database
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.process import NO_CERTIFICATES

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PUBLIC = "https://relay.example.org"


async def test_check_beside_the_running_bot(harness: Harness, server: GuildFixture) -> None:
    identified = harness.discord.gateway.identified
    before = harness.ledger.rows("PRAGMA user_version")
    finished = await harness.bot.run("check", forked=False)
    assert finished.code == 0, finished.text
    assert harness.discord.bot_token not in finished.text
    assert "discord.client" not in finished.text  # The lines of a log would stand amid its own.
    for word in (VERSION, "DISCORD_TOKEN", "POLL_INTERVAL", "DATABASE_URL", "oauth2/authorize", "permissions="):
        assert word in finished.text
    assert harness.discord.gateway.identified == identified
    assert harness.ledger.rows("PRAGMA user_version") == before
    assert harness.discord.bot_connected


async def test_the_version_is_printed_without_any_settings(harness: Harness) -> None:
    finished = await harness.bot.run("--version", changed={"DISCORD_TOKEN": ""}, forked=False)
    assert (finished.code, finished.text.strip()) == (0, f"PixVerse Relay {VERSION}")


async def test_check_exits_as_a_start_would(build: Build) -> None:
    harness = await build()
    assert (await harness.bot.run("check", changed={"DISCORD_TOKEN": ""})).code == 2
    await harness.discord.refuse_token()
    refused = await harness.bot.run("check")
    assert refused.code == 3
    assert "Traceback" not in refused.text
    assert not harness.ledger.path.exists()


async def test_check_tests_what_a_start_tests(build: Build) -> None:
    """Each fault is reported with the line that a start would end with, and the folder is unchanged."""
    harness = await build()
    folder = harness.ledger.path.parent
    lock, videos = folder / "relay.db.lock", folder / "relay.db.media"
    lock.mkdir(parents=True)
    await _ends_alike(harness, {}, "cannot hold a lock")
    lock.rmdir()
    videos.write_text("")
    await _ends_alike(harness, {}, "cannot be used")
    videos.unlink()
    await _ends_alike(harness, {"HTTP_PORT": str(free_port()), "HTTP_HOST": "203.0.113.9"}, "can't be used")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        await _ends_alike(harness, {"HTTP_PORT": port}, "HTTP_HOST, HTTP_PORT: 127.0.0.1")
        await _ends_alike(
            harness, {"CALLBACK_PORT": port, "PUBLIC_URL": _PUBLIC}, "CALLBACK_HOST, CALLBACK_PORT: 127.0.0.1"
        )


async def test_another_program_s_database(build: Build) -> None:
    harness = await build()
    harness.ledger.path.parent.mkdir()
    with closing(sqlite3.connect(harness.ledger.path)) as other:
        other.execute("CREATE TABLE mine (a)")
    before = harness.ledger.files()
    await _ends_alike(harness, {}, "another program's")
    assert harness.ledger.files() == before


async def _ends_alike(harness: Harness, changed: dict[str, str], words: str) -> None:
    before = harness.ledger.files()
    check = await harness.bot.run("check", changed=changed)
    assert harness.ledger.files() == before
    start = await harness.bot.run(changed=changed)
    assert (check.code, start.code) == (2, 2), check.text + start.text
    assert words in check.text
    assert words in start.lines[-1]


async def test_check_while_the_running_bot_uses_the_ports(build: Build) -> None:
    harness = await build(HTTP_PORT=str(free_port()), CALLBACK_PORT=str(free_port()), PUBLIC_URL=_PUBLIC)
    before = await harness.bot.run("check")
    assert [line.split()[0] for line in before.lines if line.endswith(": free.")] == ["HTTP", "CALLBACK"]
    await harness.start()
    beside = await harness.bot.run("check")
    assert beside.code == 0, beside.text
    assert len([line for line in beside.lines if line.endswith("in use; a bot is running with this database.")]) == 2


@pytest.mark.parametrize("path", ["/users/@me", "/oauth2/applications/@me"])
async def test_check_if_another_server_responds_in_discord_s_place(build: Build, path: str) -> None:
    harness = await build()
    harness.discord.faults.add(path=path, action=Body())
    finished = await harness.bot.run("check")
    assert finished.code == 0, finished.text
    reached = f"Discord: can't be reached at {harness.bot.settings['DISCORD_API_URL']}"
    assert finished.lines[-1] == f"{reached} (the answer is not Discord's); a start would wait for it."


async def test_check_before_anything_exists(build: Build) -> None:
    harness = await build()
    nowhere = f"http://127.0.0.1:{free_port()}/api"
    finished = await harness.bot.run("check", changed={"DISCORD_API_URL": nowhere})
    assert finished.code == 0, finished.text
    assert f"Key: none yet; the first start creates {harness.ledger.path}.key." in finished.lines
    away = f"Discord: can't be reached at {nowhere} (no connection); a start would wait for it."
    assert finished.lines[-1] == away
    await harness.start()
    await harness.stop()
    after = await harness.bot.run("check")
    assert f"Key: in {harness.ledger.path}.key." in after.lines


async def test_output_that_the_terminal_s_encoding_cannot_show(build: Build) -> None:
    """As on Windows, where the output in a pipe or a file has the system's old encoding."""
    harness = await build()
    place = harness.ledger.path.with_name("zażółć.db")
    changed = {"DATABASE_URL": f"sqlite:///{place}", "PYTHONIOENCODING": "ascii"}
    finished = await harness.bot.run("check", changed=changed)
    assert finished.code == 0, finished.text
    assert finished.lines[-1].startswith("Invite link: ")
    assert any(r"za\u017c\xf3\u0142\u0107.db" in line for line in finished.lines)


@pytest.mark.parametrize("unbuffered", ["", "1"])
async def test_output_that_nobody_reads_any_more(build: Build, unbuffered: str) -> None:
    """As in `bot.py check | head -1`. The container sets PYTHONUNBUFFERED; otherwise all is written at the end."""
    harness = await build()
    reader, writer = os.pipe()
    os.close(reader)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(harness.bot.program / "bot.py"),
        "check",
        env={**NO_CERTIFICATES, **harness.bot.settings, "PYTHONUNBUFFERED": unbuffered},
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
    )
    os.close(writer)
    _, errors = await process.communicate()
    assert (process.returncode, errors.decode()) == (1, "")


async def test_backup_beside_the_running_bot(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    target = harness.folder / "copy.db"
    finished = await harness.bot.run("backup", str(target), forked=False)
    assert finished.code == 0, finished.text
    assert "key" in finished.text
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM jobs WHERE jobid = ?", (job.jobid,)).fetchone() == (1,)
    assert all(secret.encode() not in target.read_bytes() for secret in harness.secrets)
    again = await harness.bot.run("backup", str(target))
    assert again.code == 2
    assert "already" in again.text
    job.complete()
    await server.outcome()


async def test_a_key_that_is_not_there_is_not_named(build: Build) -> None:
    """ENCRYPTION_KEY may be set only where the bot runs, or the first start ended before there was a key."""
    harness = await build()
    harness.ledger.path.parent.mkdir()
    await (await Database.open(harness.ledger.path)).close()
    finished = await harness.bot.run("backup", str(harness.folder / "copy.db"))
    assert finished.code == 0, finished.text
    assert finished.lines[-1].startswith(f"There is no key file {harness.ledger.path}.key. If the bot runs with an")


async def test_rotate_key(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    refused = await harness.bot.run("rotate-key")
    assert refused.code == 4
    await harness.stop()
    before = _token(harness)
    rotated = await harness.bot.run("rotate-key", forked=False)
    assert rotated.code == 0, rotated.text
    assert _token(harness) != before
    await harness.start()
    job.complete()
    assert len((await server.outcome()).attachments) == 1


async def test_rotate_key_with_the_operator_s_own_keys(build: Build) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    harness = await build(ENCRYPTION_KEY=old)
    harness.secrets += [old, new]
    await harness.start()
    server = await harness.server()
    job = await server.watched()
    await harness.stop()
    rotated = await harness.bot.run("rotate-key", changed={"ENCRYPTION_KEY": f"{new},{old}"})
    assert rotated.code == 0, rotated.text
    assert (await harness.bot.run(changed={"ENCRYPTION_KEY": old})).code == 2
    harness.bot.settings["ENCRYPTION_KEY"] = new
    await harness.start()
    job.complete()
    await server.outcome()


def _token(harness: Harness) -> bytes:
    row, *_ = harness.ledger.rows("SELECT token FROM accounts WHERE token IS NOT NULL")
    return bytes(row["token"])


@pytest.mark.parametrize(
    "faults",
    [
        {"DISCORD_TOKEN": ""},
        {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": "/nowhere/token"},
        {"POLL_INTERVAL": "soon", "PUBLIC_URL": "x", "USEAPI_TOKEN_FILE": "/nowhere/token"},
    ],
)
async def test_database_commands_need_no_other_settings(build: Build, faults: dict[str, str]) -> None:
    """As in a rescue with only a copied database and its key."""
    harness = await build()
    await harness.start()
    server = await harness.server()
    await server.watched()
    await harness.stop()
    backup = await harness.bot.run("backup", str(harness.folder / "copy.db"), changed=faults)
    assert backup.code == 0, backup.text
    rotated = await harness.bot.run("rotate-key", changed=faults)
    assert rotated.code == 0, rotated.text
    unusable = await harness.bot.run("backup", str(harness.folder / "other.db"), changed={"DATABASE_URL": "mysql://x"})
    assert unusable.code == 2
    assert "DATABASE_URL" in unusable.text


async def test_wrong_arguments_on_the_command_line(build: Build) -> None:
    harness = await build()
    lines = (("fly",), ("backup",))
    for finished in await asyncio.gather(*(harness.bot.run(*line, forked=False) for line in lines)):
        assert finished.code == 2
        assert "Traceback" not in finished.text
