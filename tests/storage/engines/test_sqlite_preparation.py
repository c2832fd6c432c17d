from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from storage import inspection, secret_store
from storage.database import Database
from storage.engines.sqlite import mark, migrate, preparation
from storage.engines.sqlite.backup import backup
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import (
    DatabaseDamaged,
    DatabaseForeign,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseTooNew,
    DatabaseUnreachable,
    DatabaseUnusable,
)


async def _made(path: Path, rows: int = 0) -> None:
    database = await Database.open(path)
    async with database.transaction() as tx:
        for number in range(rows):
            await tx.run("INSERT INTO meta VALUES (?, ?)", (f"name {number}", b"x" * 500))
    await database.close()


async def _refused(path: Path, kind: type[DatabaseUnusable], lock_wait: float = 0.1) -> str:
    with pytest.raises(kind) as caught:
        await Database.open(path, lock_wait=lock_wait)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


async def test_folder_and_file_are_created_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b c" / "relay?#%.db"
    before = os.umask(0)
    try:
        await _made(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["relay?#%.db"]


async def test_the_wal_files_of_an_open_database_are_private_too(path: Path, sqlite_database: Database) -> None:
    async with sqlite_database.transaction() as tx:
        await tx.run("INSERT INTO servers (guild_id) VALUES (1)")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"relay.db": 0o600, "relay.db-wal": 0o600, "relay.db-shm": 0o600}


async def test_a_wider_mode_is_narrowed(path: Path) -> None:
    await _made(path)
    path.chmod(0o644)
    await _made(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "relay.db").mkdir()
    await _refused(tmp_path / "relay.db", DatabaseUnreachable)


async def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    await _refused(tmp_path / "data" / "relay.db", DatabaseUnreachable)


async def test_a_file_that_is_not_a_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"This is no database. " * 400)
    await _refused(path, DatabaseDamaged)
    assert path.read_bytes().startswith(b"This is no database.")


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
async def test_a_truncated_database(path: Path, kept: float) -> None:
    await _made(path, rows=200)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    await _refused(path, DatabaseDamaged)


async def test_a_database_with_an_overwritten_page(path: Path) -> None:
    await _made(path, rows=200)
    whole = bytearray(path.read_bytes())
    half = len(whole) // 8192 * 4096
    whole[half : half + 4096] = b"\xff" * 4096
    path.write_bytes(whole)
    await _refused(path, DatabaseDamaged)


async def test_a_large_database_opens_before_the_full_check_ends(path: Path) -> None:
    await _made(path)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO meta SELECT 'name ' || i, randomblob(1000) FROM n"
        )
    connection.close()
    before = time.monotonic()
    await _made(path)
    assert time.monotonic() - before < 4


async def test_a_database_of_a_newer_bot(path: Path) -> None:
    await _made(path)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    text = await _refused(path, DatabaseTooNew)
    assert "newer" in text
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE mine (a)",
        "CREATE TABLE jobs (id); CREATE TABLE meta (a)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE TABLE mine (a); PRAGMA user_version = 1",
        "CREATE TABLE mine (a); PRAGMA user_version = 999",
        "PRAGMA application_id = 7",
    ],
)
async def test_a_database_of_another_program(path: Path, script: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    path.chmod(0o644)
    before = path.read_bytes()
    assert "another program's" in await _refused(path, DatabaseForeign)
    for look in (inspection.inspect(path), backup(path, path.with_name("copy.db"))):
        with pytest.raises(DatabaseForeign):
            await look
    with pytest.raises(DatabaseForeign):
        preparation.make_file(path)
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


async def test_a_database_from_before_marks_is_accepted_and_marked(path: Path) -> None:
    await _made(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 0")
    await inspection.inspect(path)
    await _made(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (mark.APPLICATION_ID,)


async def test_the_mode_of_a_file_that_is_not_a_database_is_not_changed(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("root:x:0:0")
    path.chmod(0o644)
    await _refused(path, DatabaseDamaged)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_lock_is_waited_for_only_for_the_given_time(path: Path, lock: str) -> None:
    await _made(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute(lock)
    before = time.monotonic()
    await _refused(path, DatabaseLocked, lock_wait=0.4)
    assert 0.4 <= time.monotonic() - before < preparation.LOCK_WAIT_SECONDS / 2
    with pytest.raises(DatabaseLocked):
        await preparation.examine(path, lock_wait=0.1)
    other.close()


async def test_a_start_writes_nothing_to_a_database_that_needs_nothing(path: Path) -> None:
    await _made(path)
    before = path.read_bytes()
    await _made(path)
    assert path.read_bytes() == before


async def test_a_lock_that_is_released_in_time_is_no_problem(path: Path) -> None:
    await _made(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    opening_ = asyncio.create_task(Database.open(path, lock_wait=5))
    await asyncio.sleep(0.3)
    assert not opening_.done()
    other.execute("ROLLBACK")
    other.close()
    await (await opening_).close()


async def test_waiting_for_a_lock_can_be_interrupted(path: Path) -> None:
    await _made(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    task = asyncio.create_task(Database.open(path))
    await asyncio.sleep(0.1)
    before = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - before < preparation.LOCK_WAIT_SECONDS / 2
    other.close()


async def test_a_read_only_file(ordinary_user: Path) -> None:
    path = ordinary_user / "relay.db"
    await _made(path)
    path.chmod(0o400)
    await _refused(path, DatabaseReadOnly)


async def test_a_read_only_folder_with_a_database(ordinary_user: Path) -> None:
    path = ordinary_user / "relay.db"
    await _made(path)
    ordinary_user.chmod(0o500)
    await _refused(path, DatabaseReadOnly)


async def test_a_read_only_folder_without_a_database(ordinary_user: Path) -> None:
    ordinary_user.chmod(0o500)
    await _refused(ordinary_user / "relay.db", DatabaseReadOnly)
    await _refused(ordinary_user / "data" / "relay.db", DatabaseReadOnly)


async def test_inspection_finds_what_a_start_would_and_creates_nothing(ordinary_user: Path) -> None:
    path = ordinary_user / "data" / "relay.db"
    found = await inspection.inspect(path)
    assert (found.exists, found.tables) == (False, 0)
    assert list(ordinary_user.iterdir()) == []
    ordinary_user.chmod(0o500)
    with pytest.raises(DatabaseReadOnly):
        await inspection.inspect(path)


async def test_inspection_treats_the_lock_file_like_a_start(ordinary_user: Path) -> None:
    path = ordinary_user / "relay.db"
    lock = ordinary_user / "relay.db.lock"
    lock.touch(mode=0o400)
    for made in (False, True):
        if made:
            await _made(path)
        with pytest.raises(DatabaseReadOnly):
            await inspection.inspect(path)
        with pytest.raises(DatabaseReadOnly):
            InstanceLock(path).acquire()


async def test_inspection_beside_an_open_database(path: Path, sqlite_database: Database) -> None:
    found = await inspection.inspect(path)
    assert found.exists
    assert found.tables == found.newest
    async with sqlite_database.transaction() as tx:
        await tx.run("INSERT INTO servers (guild_id) VALUES (1)")


async def test_inspection_leaves_nothing_behind(path: Path) -> None:
    await _made(path)
    before = path.read_bytes()
    await inspection.inspect(path, [secret_store.new_key()])
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


async def test_inspection_of_a_damaged_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseDamaged):
        await inspection.inspect(path)


async def test_examining_a_missing_file(path: Path) -> None:
    with pytest.raises(DatabaseUnreachable):
        await preparation.examine(path)
    assert not path.parent.exists()


@pytest.mark.parametrize("mode", [0o600, 0o000])
async def test_a_folder_that_this_user_may_not_enter(ordinary_user: Path, mode: int) -> None:
    folder = ordinary_user / "closed"
    folder.mkdir()
    await _made(folder / "relay.db")
    folder.chmod(mode)
    for path in (folder / "relay.db", folder / "other.db", folder / "data" / "relay.db"):
        await _refused(path, DatabaseReadOnly)
        with pytest.raises(DatabaseReadOnly, match=re.escape(str(path))):
            await inspection.inspect(path)
        with pytest.raises(DatabaseReadOnly):
            await backup(path, ordinary_user / "copy.db")
    folder.chmod(0o700)


async def test_a_name_that_the_system_cannot_look_up(tmp_path: Path) -> None:
    loop = tmp_path / "loop.db"
    loop.symlink_to(loop)
    for path in (loop, tmp_path / ("long" * 100), tmp_path / ("long" * 100) / "relay.db"):
        await _refused(path, DatabaseUnreachable)
        for look in (inspection.inspect(path), backup(path, tmp_path / "copy.db")):
            with pytest.raises(DatabaseUnreachable, match=re.escape(str(path))):
                await look


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder in which nobody can make files")
async def test_inspection_where_no_file_can_be_created() -> None:
    with pytest.raises(DatabaseUnreachable, match=re.escape("/proc/relay/relay.db")):
        await inspection.inspect(Path("/proc/relay/relay.db"))


async def test_a_folder_or_a_device_is_not_a_database(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o644)
    for path in (tmp_path, pipe):
        mode = path.stat().st_mode
        with pytest.raises(DatabaseUnreachable, match="it is not a file"):
            await inspection.inspect(path)
        with pytest.raises(DatabaseUnreachable, match="it is not a file"):
            await Database.open(path)
        with pytest.raises(DatabaseUnreachable, match="it is not a file"):
            InstanceLock(path).acquire()
        assert path.stat().st_mode == mode


async def test_a_start_that_is_told_to_stop_holds_its_lock_until_its_migration_has_ended(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrating, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    make = migrate.migrate

    def slow(*arguments: Any) -> None:
        migrating.set()
        go_on.wait()
        make(*arguments)
        ended.set()

    monkeypatch.setattr(migrate, "migrate", slow)
    start = asyncio.create_task(Database.open(path))
    await asyncio.to_thread(migrating.wait)
    start.cancel()
    done, _ = await asyncio.wait([start], timeout=0.05)
    go_on.set()
    assert not done
    with pytest.raises(asyncio.CancelledError):
        await start
    assert ended.is_set()
