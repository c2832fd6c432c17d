"""Starts of the bot, and failed starts with their message and exit code; each exit code once from a real process."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from sandbox.discord_wire import DiscordSandbox
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.process import Finished
from tests.storage.test_takeover import TABLES_3

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def stopped(harness: Harness) -> Harness:
    """The shared harness with a used database and a stopped bot."""
    if harness.bot.running:
        await harness.stop()
    return harness


def _one_line(finished: Finished, code: int, *words: str) -> None:
    """Checks for this exit code and a single line that contains all these words."""
    assert finished.code == code, finished.text
    (line,) = finished.lines
    for word in words:
        assert word in line


async def test_without_a_discord_token(build: Build) -> None:
    harness = await build()
    for token, forked in (("", False), ("   ", True)):
        finished = await harness.bot.run(changed={"DISCORD_TOKEN": token}, forked=forked)
        _one_line(finished, 2, "DISCORD_TOKEN", ".env", "make demo")


async def test_malformed_settings_are_all_reported_at_once(build: Build) -> None:
    harness = await build()
    wrong = {
        "POLL_INTERVAL": "often",
        "JOB_MAX_AGE": "long",
        "USEAPI_URL": "ftp://example.org",
        "DATABASE_URL": "mysql://example.org/relay",
        "MEDIA_HOSTS": "https://cdn.example.org/path",
        "ENCRYPTION_KEY": "abc",
        "MAX_OPEN_PER_USER": "none",
        "DISCORD_GUILD_IDS": "studio",
        "LOG_LEVEL": "loud",
        "HTTP_HOST": "every where",
        "HTTP_PORT": "65536",
        "CALLBACK_HOST": "every where",
        "CALLBACK_PORT": "-1",
        "PUBLIC_URL": "https://relay.example.org/../admin",
    }
    finished = await harness.bot.run(changed=wrong)
    assert finished.code == 2
    assert sorted(line.split()[0].rstrip(":") for line in finished.lines) == sorted(wrong)


async def test_secrets_in_files(build: Build, tmp_path: Path) -> None:
    harness = await build()
    token = tmp_path / "discord-token"
    token.write_text(f"{harness.discord.bot_token}\n")
    token.chmod(0o644)
    named = {"DISCORD_TOKEN": "", "DISCORD_TOKEN_FILE": str(token)}
    checked = await harness.bot.run("check", changed=named)
    assert f"DISCORD_TOKEN = read from {token}, not shown" in checked.lines
    assert (
        f"{token} contains a secret, and every user of this machine can read it. Run chmod 600 on it." in checked.lines
    )
    assert checked.code == 0

    for wrong, line in (
        ({"DISCORD_TOKEN_FILE": str(token)}, "DISCORD_TOKEN_FILE is set beside DISCORD_TOKEN"),
        (
            {**named, "DISCORD_TOKEN_FILE": str(tmp_path / "none")},
            "DISCORD_TOKEN_FILE names a file that does not exist",
        ),
        ({"USEAPI_TOKEN_FILE": str(tmp_path)}, "USEAPI_TOKEN_FILE names a folder"),
    ):
        finished = await harness.bot.run(changed=wrong)
        assert finished.code == 2
        assert len(finished.lines) == 1
        assert finished.lines[0].startswith(line)


async def test_a_second_bot_with_the_same_database(harness: Harness, server: GuildFixture) -> None:
    identified = harness.discord.gateway.identified
    finished = await harness.bot.run(forked=False)
    assert finished.code == 4
    assert str(harness.ledger.path) in finished.lines[-1]
    assert "Traceback" not in finished.text
    assert harness.discord.gateway.identified == identified
    assert harness.bot.running
    (await server.watched()).complete()
    await server.outcome()


async def test_a_database_of_a_newer_version(stopped: Harness) -> None:
    ((version,),) = (row.values() for row in stopped.ledger.rows("PRAGMA user_version"))
    stopped.ledger.change("PRAGMA user_version = 9999")
    finished = await stopped.bot.run()
    stopped.ledger.change(f"PRAGMA user_version = {version}")
    assert finished.code == 2
    assert "newer version" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_a_damaged_database(build: Build) -> None:
    harness = await build()
    harness.ledger.path.parent.mkdir()
    harness.ledger.path.write_bytes(b"this is no database at all" * 1000)
    finished = await harness.bot.run()
    assert finished.code == 2
    assert "damaged" in finished.lines[-1]
    assert harness.ledger.path.read_bytes() == b"this is no database at all" * 1000


async def test_a_folder_that_cannot_be_created(build: Build) -> None:
    harness = await build()
    harness.ledger.path.parent.write_text("a file stands where the folder should be")
    finished = await harness.bot.run()
    assert finished.code == 2
    assert str(harness.ledger.path) in finished.lines[-1]
    assert "Traceback" not in finished.text
    harness.ledger.path.parent.unlink()


async def test_a_video_folder_that_cannot_be_used(build: Build) -> None:
    harness = await build()
    harness.ledger.path.parent.mkdir()
    harness.ledger.path.with_name("relay.db.media").write_text("a file stands where the folder should be")
    finished = await harness.bot.run()
    assert finished.code == 2
    assert "relay.db.media cannot be used" in finished.lines[-1]
    assert "Traceback" not in finished.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere, so there is no read-only folder for it")
async def test_a_read_only_folder(build: Build) -> None:
    harness = await build()
    harness.ledger.path.parent.mkdir(mode=0o500)
    finished = await harness.bot.run()
    assert finished.code == 2
    assert "cannot be written" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_a_wrong_key(stopped: Harness) -> None:
    finished = await stopped.bot.run(changed={"ENCRYPTION_KEY": Fernet.generate_key().decode()})
    assert finished.code == 2
    assert "ENCRYPTION_KEY" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_another_application_s_token_changes_nothing(build: Build) -> None:
    """As a test bot's `.env` in which DATABASE_URL still names the real database, in whose servers that bot isn't."""
    harness = await build(USEAPI_TOKEN="")
    harness.bot.settings["USEAPI_TOKEN"] = harness.account().token
    await harness.start()
    server = await harness.server()
    job = await server.watched()
    await server.settled()
    await harness.stop()
    tables = [f"SELECT * FROM {name}" for name in ("servers", "accounts", "jobs", "subscriptions", "deliveries")]
    before = [harness.ledger.rows(table) for table in tables]
    other = await DiscordSandbox.start()
    try:
        other.world.backend.application_id += 1
        harness.secrets.append(other.bot_token)
        changed = {
            "DISCORD_TOKEN": other.bot_token,
            "DISCORD_API_URL": other.api_url,
            "DISCORD_GUILD_IDS": "1",
            "USEAPI_TOKEN": harness.account().token,
        }
        for arguments in (("check",), ()):
            finished = await harness.bot.run(*arguments, changed=changed)
            assert finished.code == 2, finished.text
            (line,) = [line for line in finished.lines if line.startswith("The database ") and "DISCORD_TOKEN" in line]
            assert "DATABASE_URL" in line
            assert str(other.world.backend.application_id) in line
            assert "Traceback" not in finished.text
    finally:
        await other.stop()
    assert [harness.ledger.rows(table) for table in tables] == before
    await harness.start()
    job.complete()
    await server.outcome()


async def test_a_database_without_an_application_is_taken_over(build: Build) -> None:
    """As one of an earlier version, and one from which the operator has removed the application."""
    harness = await build()
    await harness.start()
    stored = "SELECT value FROM meta WHERE name = 'application'"
    before = harness.ledger.rows(stored)
    assert [row["value"] for row in before] == [str(harness.discord.world.backend.application_id).encode()]
    await harness.stop()
    harness.ledger.change("DELETE FROM meta WHERE name = 'application'")
    await harness.start()
    assert harness.ledger.rows(stored) == before


@pytest.mark.parametrize("key", ["", Fernet.generate_key().decode()], ids=["no key file", "another key"])
async def test_without_its_key_a_database_is_not_even_migrated(stopped: Harness, tmp_path: Path, key: str) -> None:
    """Otherwise the previous version could not be started again."""
    path = tmp_path / "relay.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(TABLES_3.read_text(encoding="utf-8") + "INSERT INTO meta VALUES ('key_check', x'00');")
    changed = {"DATABASE_URL": f"sqlite:///{path}", "ENCRYPTION_KEY": key}
    finished = await stopped.bot.run(changed=changed)
    _one_line(finished, 2, "ENCRYPTION_KEY" if key else "relay.db.key is gone")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (3,)
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == ["relay.db", "relay.db.lock"]


async def test_a_missing_key_file(stopped: Harness) -> None:
    (name,) = (name for name in stopped.ledger.files() if "key" in name)
    key = stopped.ledger.path.parent / name
    assert key.stat().st_mode & 0o777 == 0o600
    away = key.rename(stopped.folder / "key.away")
    finished = await stopped.bot.run()
    away.rename(key)
    assert finished.code == 2
    assert str(key) in finished.lines[-1]
    assert "Traceback" not in finished.text
    await stopped.start()


async def test_settings_come_from_the_file_beside_the_bot(build: Build) -> None:
    harness = await build()
    written = "\n".join(f"{name}={text}" for name, text in harness.bot.settings.items())
    file = harness.bot.program / ".env"
    file.write_text(f"{written}\nDATABASE_URL=sqlite:///kept/relay.db\nLOG_FORMAT=json\n")
    given = dict(harness.bot.settings)
    harness.bot.settings.clear()
    try:
        await harness.start(forked=False)
    finally:
        file.unlink()
        harness.bot.settings.update(given)
    assert (harness.bot.program / "kept" / "relay.db").is_file()
    assert all(re.match(r'\{"time": "', line) for line in harness.bot.lines)
