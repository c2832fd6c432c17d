from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from storage.database import Database, get_meta, put_meta
from storage.engines.sqlite import backup as sqlite_backup
from storage.engines.sqlite.backup import BackupFailed, backup
from storage.errors import DatabaseDamaged, DatabaseUnreachable


def _names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT name FROM meta ORDER BY name")]


async def test_the_copy_contains_what_is_committed_while_the_bot_runs(
    sqlite_database: Database, tmp_path: Path
) -> None:
    target = tmp_path / "copy.db"
    async with sqlite_database.transaction() as tx:
        await put_meta(tx, "committed", b"")
    async with sqlite_database.transaction() as tx:
        await put_meta(tx, "not yet", b"")
        await backup(sqlite_database.path, target)
    assert _names(target) == ["committed"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir()) == ["copy.db", "data"]


async def test_the_copy_can_be_opened_as_the_database(sqlite_database: Database, tmp_path: Path) -> None:
    async with sqlite_database.transaction() as tx:
        await put_meta(tx, "a", b"1")
    await backup(sqlite_database.path, tmp_path / "copy.db")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as alone:
        assert alone.execute("PRAGMA journal_mode").fetchone() == ("delete",)  # It needs no companion files.
    copy = await Database.open(tmp_path / "copy.db")
    assert await get_meta(copy.reader, "a") == b"1"
    await copy.close()


async def test_writing_during_a_backup_breaks_neither(sqlite_database: Database, tmp_path: Path) -> None:
    async def write() -> None:
        for number in range(50):
            async with sqlite_database.transaction() as tx:
                await put_meta(tx, f"{number:03}-a", b"x" * 3000)
                await put_meta(tx, f"{number:03}-b", b"x" * 3000)

    writing = asyncio.create_task(write())
    for number in range(3):
        target = tmp_path / f"{number}.db"
        await backup(sqlite_database.path, target)
        names = _names(target)
        assert [name[:3] for name in names if name.endswith("a")] == [name[:3] for name in names if name.endswith("b")]
    await writing
    assert len(_names(sqlite_database.path)) == 100


async def test_no_file_is_overwritten(sqlite_database: Database, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(BackupFailed, match="not overwritten"):
        await backup(sqlite_database.path, target)
    assert target.read_text() == "precious"
    with pytest.raises(BackupFailed):
        await backup(sqlite_database.path, sqlite_database.path)


@pytest.mark.parametrize("copied", [False, True])
async def test_an_interrupted_backup_leaves_nothing(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, copied: bool
) -> None:
    copy, begun, go_on, ended = sqlite_backup.copy, threading.Event(), threading.Event(), threading.Event()

    def slow(connection: sqlite3.Connection, target: Path) -> None:
        if copied:
            copy(connection, target)
        begun.set()
        go_on.wait()
        if not copied:
            copy(connection, target)
        ended.set()

    monkeypatch.setattr(sqlite_backup, "copy", slow)
    copying = asyncio.create_task(backup(sqlite_database.path, tmp_path / "copy.db"))
    await asyncio.to_thread(begun.wait)
    copying.cancel()
    await asyncio.wait([copying], timeout=0.05)
    left = (tmp_path / "copy.db").exists()
    go_on.set()
    assert not left  # The process may be killed at any moment once it is told to stop.
    with pytest.raises(asyncio.CancelledError):
        await copying
    await asyncio.to_thread(ended.wait)
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


async def test_a_missing_target_folder(sqlite_database: Database, tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="cannot be written"):
        await backup(sqlite_database.path, tmp_path / "missing" / "copy.db")


async def test_a_missing_database(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable):
        await backup(path, tmp_path / "copy.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_database_leaves_no_copy(tmp_path: Path) -> None:
    source = tmp_path / "relay.db"
    source.write_bytes(b"no database" * 1000)
    with pytest.raises(DatabaseDamaged):
        await backup(source, tmp_path / "copy.db")
    assert [file.name for file in tmp_path.iterdir()] == ["relay.db"]


async def test_a_copy_of_a_database_with_broken_pages_does_not_count_as_a_backup(path: Path, tmp_path: Path) -> None:
    database = await Database.open(path)
    async with database.transaction() as tx:
        for number in range(200):
            await put_meta(tx, f"{number}", b"x" * 500)
    await database.close()
    content = bytearray(path.read_bytes())
    half = len(content) // 8192 * 4096
    content[half : half + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(DatabaseDamaged):
        await backup(path, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


async def test_a_database_that_this_user_cannot_read() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "relay.db").touch(mode=0)
        with _as_nobody(), pytest.raises(DatabaseUnreachable):
            await backup(folder / "relay.db", folder / "copy.db")
        assert [file.name for file in folder.iterdir()] == ["relay.db"]


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Drops root's rights over every file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)
