"""`python bot.py check | backup PATH | rotate-key`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from cryptography.fernet import Fernet

from tests.e2e.conftest import Build
from tests.e2e.stage import Stage


async def test_check_beside_the_running_bot(own_stage: Stage) -> None:
    identified = own_stage.discord.gateway.identified
    before = own_stage.ledger.rows("PRAGMA user_version")
    finished = await own_stage.bot.run("check")
    assert finished.code == 0, finished.text
    assert own_stage.discord.bot_token not in finished.text
    for word in ("DISCORD_TOKEN", "POLL_INTERVAL", "DATABASE_URL", "oauth2/authorize", "permissions="):
        assert word in finished.text
    assert own_stage.discord.gateway.identified == identified
    assert own_stage.ledger.rows("PRAGMA user_version") == before
    assert own_stage.discord.bot_connected


async def test_check_ends_as_a_start_would(build: Build) -> None:
    stage = await build()
    assert (await stage.bot.run("check", changed={"DISCORD_TOKEN": ""})).code == 2
    await stage.discord.refuse_token()
    refused = await stage.bot.run("check")
    assert refused.code == 3
    assert "Traceback" not in refused.text
    assert not stage.ledger.path.exists()


async def test_backup_beside_the_running_bot(own_stage: Stage) -> None:
    town = await own_stage.town()
    job = await town.watched()
    target = own_stage.folder / "copy.db"
    finished = await own_stage.bot.run("backup", str(target))
    assert finished.code == 0, finished.text
    assert "key" in finished.text
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM jobs WHERE jobid = ?", (job.jobid,)).fetchone() == (1,)
    assert all(secret.encode() not in target.read_bytes() for secret in own_stage.secrets)
    again = await own_stage.bot.run("backup", str(target))
    assert again.code == 2
    assert "already" in again.text
    job.complete()
    await town.outcome()


async def test_rotate_key(own_stage: Stage) -> None:
    town = await own_stage.town()
    job = await town.watched()
    refused = await own_stage.bot.run("rotate-key")
    assert refused.code == 4
    await own_stage.stop()
    before = _token(own_stage)
    rotated = await own_stage.bot.run("rotate-key")
    assert rotated.code == 0, rotated.text
    assert _token(own_stage) != before
    await own_stage.start()
    job.complete()
    assert len((await town.outcome()).attachments) == 1


async def test_rotate_key_with_keys_of_the_operator_s_own(build: Build) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    stage = await build(ENCRYPTION_KEY=old)
    stage.secrets += [old, new]
    await stage.start()
    town = await stage.town()
    job = await town.watched()
    await stage.stop()
    rotated = await stage.bot.run("rotate-key", changed={"ENCRYPTION_KEY": f"{new},{old}"})
    assert rotated.code == 0, rotated.text
    assert (await stage.bot.run(changed={"ENCRYPTION_KEY": old})).code == 2
    stage.bot.settings["ENCRYPTION_KEY"] = new
    await stage.start()
    job.complete()
    await town.outcome()


def _token(stage: Stage) -> bytes:
    (row,) = stage.ledger.rows("SELECT token FROM accounts WHERE token IS NOT NULL")
    return bytes(row["token"])


async def test_an_unknown_command(build: Build) -> None:
    finished = await (await build()).bot.run("fly")
    assert finished.code == 2
    assert "Traceback" not in finished.text


@pytest.mark.parametrize("arguments", [("backup",), ("backup", "a", "b"), ("check", "now")])
async def test_wrong_arguments(build: Build, arguments: tuple[str, ...]) -> None:
    assert (await (await build()).bot.run(*arguments)).code == 2
