"""How the bot starts, and with which word and exit code it does not."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from tests.e2e.conftest import Build
from tests.e2e.process import Finished
from tests.e2e.stage import Stage


def _one_line(finished: Finished, code: int, *words: str) -> None:
    """The exit code, and a single line that names all these words."""
    assert finished.code == code, finished.text
    (line,) = finished.lines
    for word in words:
        assert word in line


async def test_without_a_discord_token(build: Build) -> None:
    stage = await build()
    for token in ("", "   "):
        finished = await stage.bot.run(changed={"DISCORD_TOKEN": token})
        _one_line(finished, 2, "DISCORD_TOKEN", ".env", "make demo")


@pytest.mark.parametrize(
    "wrong",
    [
        {"POLL_INTERVAL": "often"},
        {"POLL_INTERVAL": "0"},
        {"USEAPI_URL": "ftp://example.org"},
        {"DATABASE_URL": "postgres://example.org/relay"},
        {"MEDIA_HOSTS": "https://cdn.example.org/path"},
        {"ENCRYPTION_KEY": "abc"},
        {"LOG_LEVEL": "loud"},
        {"POLL_INTERVAL": "-1", "JOB_MAX_AGE": "long", "MAX_OPEN_PER_USER": "none", "DISCORD_GUILD_IDS": "studio"},
    ],
    ids="-".join,
)
async def test_malformed_settings_are_all_named(build: Build, wrong: Mapping[str, str]) -> None:
    stage = await build()
    finished = await stage.bot.run(changed=wrong)
    assert finished.code == 2
    assert sorted(line.split()[0].rstrip(":") for line in finished.lines) == sorted(wrong)


async def test_a_second_bot_with_the_same_database(own_stage: Stage) -> None:
    identified = own_stage.discord.gateway.identified
    finished = await own_stage.bot.run()
    assert finished.code == 4
    assert str(own_stage.ledger.path) in finished.lines[-1]
    assert "Traceback" not in finished.text
    assert own_stage.discord.gateway.identified == identified
    assert own_stage.bot.running
    town = await own_stage.town()
    (await town.watched()).complete()
    await town.outcome()


async def test_a_database_from_the_future(own_stage: Stage) -> None:
    await own_stage.stop()
    with closing(sqlite3.connect(own_stage.ledger.path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    finished = await own_stage.bot.run()
    assert finished.code == 2
    assert "newer version" in finished.lines[-1]
    assert "Traceback" not in finished.text


async def test_a_damaged_database(build: Build) -> None:
    stage = await build()
    stage.ledger.path.parent.mkdir()
    stage.ledger.path.write_bytes(b"this is no database at all" * 1000)
    finished = await stage.bot.run()
    assert finished.code == 2
    assert "damaged" in finished.lines[-1]
    assert stage.ledger.path.read_bytes() == b"this is no database at all" * 1000


async def test_a_folder_that_cannot_be_made(build: Build) -> None:
    stage = await build()
    stage.ledger.path.parent.write_text("a file stands where the folder should be")
    finished = await stage.bot.run()
    assert finished.code == 2
    assert str(stage.ledger.path) in finished.lines[-1]
    assert "Traceback" not in finished.text
    stage.ledger.path.parent.unlink()


async def test_a_wrong_key(own_stage: Stage) -> None:
    await own_stage.stop()
    finished = await own_stage.bot.run(changed={"ENCRYPTION_KEY": Fernet.generate_key().decode()})
    assert finished.code == 2
    assert "ENCRYPTION_KEY" in finished.lines[-1]
    assert "Traceback" not in finished.text
    await own_stage.start()


async def test_a_key_file_that_is_gone(own_stage: Stage) -> None:
    await own_stage.stop()
    kept = set(own_stage.ledger.files()) - {"relay.db"}
    (name,) = (name for name in kept if "key" in name)
    key = own_stage.ledger.path.parent / name
    assert key.stat().st_mode & 0o777 == 0o600
    away = key.rename(own_stage.folder / "key.away")
    finished = await own_stage.bot.run()
    assert finished.code == 2
    assert str(key) in finished.lines[-1]
    away.rename(key)
    await own_stage.start()


async def test_settings_come_from_the_file_beside_the_bot(build: Build) -> None:
    stage = await build()
    written = "\n".join(f"{name}={text}" for name, text in stage.bot.settings.items())
    file = stage.bot.program / ".env"
    file.write_text(f"{written}\nDATABASE_URL=sqlite:///kept/relay.db\nLOG_FORMAT=json\n")
    given = dict(stage.bot.settings)
    stage.bot.settings.clear()
    try:
        await stage.start()
    finally:
        file.unlink()
        stage.bot.settings.update(given)
    assert (stage.bot.program / "kept" / "relay.db").is_file()
    assert all(re.match(r'\{"time": "', line) for line in stage.bot.lines)
