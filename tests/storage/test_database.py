from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from relay.retention import Retention
from storage.database import Database, get_meta, put_meta
from storage.engines.sqlite.engine import BUSY_SECONDS
from storage.errors import StorageError, StorageUnavailable, TransactionMisused
from tests.clock import ManualClock


async def _names(database: Database) -> set[str]:
    return {row["name"] for row in await database.reader.all("SELECT name FROM meta")}


async def test_a_transaction_is_visible_only_after_it_ends(database: Database) -> None:
    async with database.transaction() as tx:
        await put_meta(tx, "a", b"1")
        assert await get_meta(tx, "a") == b"1"
        assert await get_meta(database.reader, "a") is None
    assert await get_meta(database.reader, "a") == b"1"


async def test_an_error_rolls_back_the_whole_block(database: Database) -> None:
    async def failing() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await failing()
    assert await _names(database) == set()


async def test_a_failing_statement_rolls_back_what_came_before_it(database: Database) -> None:
    async def failing() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"1")
            await tx.run("INSERT INTO servers (guild_id, account_id) VALUES (1, 99)")

    with pytest.raises(StorageError, match=r"(?i)foreign key"):
        await failing()
    assert await _names(database) == set()


async def test_two_tasks_do_not_share_a_transaction(database: Database) -> None:
    inside = asyncio.Event()
    go_on = asyncio.Event()

    async def rolled_back() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "undone", b"")
            inside.set()
            await go_on.wait()
            raise ZeroDivisionError

    async def committed() -> None:
        await inside.wait()
        async with database.transaction() as tx:
            await put_meta(tx, "kept", b"")

    first, second = asyncio.create_task(rolled_back()), asyncio.create_task(committed())
    await inside.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not second.done()
    go_on.set()
    results = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)
    assert await _names(database) == {"kept"}


async def test_tasks_cancelled_at_any_point_leave_all_or_nothing(database: Database) -> None:
    async def pair(number: int) -> None:
        async with database.transaction() as tx:
            await put_meta(tx, f"{number}-a", b"")
            await put_meta(tx, f"{number}-b", b"")

    for steps in range(40):
        task = asyncio.create_task(pair(steps))
        for _ in range(steps):
            await asyncio.sleep(0.00005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    async with database.transaction() as tx:
        await put_meta(tx, "end", b"")
    names = await _names(database)
    assert "end" in names
    assert {name[:-2] for name in names if name.endswith("-a")} == {name[:-2] for name in names if name.endswith("-b")}


async def test_a_cancelled_body_is_rolled_back_and_releases_the_lock(database: Database) -> None:
    inside = asyncio.Event()

    async def endless() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"")
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(endless())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.transaction() as tx:
        await put_meta(tx, "b", b"")
    assert await _names(database) == {"b"}


@pytest.mark.parametrize("lost", [True, False], ids=["its response was lost", "its caller was cancelled"])
async def test_a_commit_with_an_unknown_result_is_in_doubt(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, lost: bool
) -> None:
    async def write() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"")

    await write()
    assert (database.in_doubt, database.refused.is_set()) == (False, False)
    commit = database._engine.commit

    async def without_a_result() -> None:
        await commit()
        if lost:
            raise StorageUnavailable("nobody knows")
        writing.cancel()

    monkeypatch.setattr(database._engine, "commit", without_a_result)
    writing = asyncio.create_task(write())
    with pytest.raises(StorageUnavailable if lost else asyncio.CancelledError):
        await writing
    assert (database.in_doubt, database.refused.is_set()) == (True, True)
    assert await _names(database) == {"a"}


async def test_a_nested_transaction_of_the_same_task_is_an_error_and_no_deadlock(database: Database) -> None:
    async def nested() -> None:
        async with database.transaction(), database.transaction():
            pass

    with pytest.raises(TransactionMisused):
        await nested()
    async with database.transaction() as tx:
        await put_meta(tx, "a", b"")
    assert await _names(database) == {"a"}


async def test_a_transaction_cannot_be_used_after_its_end(database: Database) -> None:
    async with database.transaction() as tx:
        pass
    with pytest.raises(TransactionMisused):
        await put_meta(tx, "a", b"")
    assert await _names(database) == set()


async def test_the_reader_cannot_write(database: Database) -> None:
    with pytest.raises(StorageError, match="readonly"):
        await database.reader.all("INSERT INTO servers (guild_id) VALUES (1)")


async def test_foreign_keys_and_full_sync_are_on(sqlite_database: Database) -> None:
    async with sqlite_database.transaction() as tx:
        found = [await tx.one(f"PRAGMA {name}") for name in ("foreign_keys", "synchronous", "secure_delete")]
        mode = await tx.one("PRAGMA journal_mode")
    assert [row[0] for row in found if row is not None] == [1, 2, 1]
    assert mode is not None
    assert mode[0] == "wal"


async def test_written_data_is_there_after_reopening(path: Path) -> None:
    first = await Database.open(path)
    async with first.transaction() as tx:
        await put_meta(tx, "a", b"1")
    await first.close()
    second = await Database.open(path)
    assert await get_meta(second.reader, "a") == b"1"
    await second.close()


async def test_another_program_s_lock_is_an_error_that_changes_nothing(path: Path) -> None:
    database = await Database.open(path, busy_seconds=0.05)

    async def put_a() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"")

    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageUnavailable, match="locked"):
        await put_a()
    other.execute("ROLLBACK")
    other.close()
    async with database.transaction() as tx:
        await put_meta(tx, "b", b"")
    assert await _names(database) == {"b"}
    await database.close()


async def test_no_other_program_writes_between_a_transaction_s_read_and_write(sqlite_database: Database) -> None:
    with closing(sqlite3.connect(sqlite_database.path, timeout=0.05, isolation_level=None)) as other:
        async with sqlite_database.transaction() as tx:
            assert await get_meta(tx, "a") is None
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO meta (name, value) VALUES ('a', x'00')")
            await put_meta(tx, "a", b"1")
    assert await get_meta(sqlite_database.reader, "a") == b"1"


async def test_after_the_log_was_emptied_other_programs_are_waited_for_as_before(sqlite_database: Database) -> None:
    await sqlite_database.flush()
    async with sqlite_database.transaction() as tx:
        assert await tx.value("PRAGMA busy_timeout") == BUSY_SECONDS * 1000


@dataclass
class _Connection:
    """The part of aiosqlite's connection that opening needs; the real one has a thread until it is closed."""

    fails: bool
    is_closed: bool = False
    row_factory: object = None

    async def execute_fetchall(self, _sql: str, _parameters: Sequence[object] = ()) -> list[object]:
        if self.fails:
            raise sqlite3.OperationalError("disk I/O error")
        return []

    async def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("fails", [[True], [False, True]])
async def test_a_database_that_cannot_be_opened_leaves_no_connection_open(path: Path, fails: list[bool]) -> None:
    opened: list[_Connection] = []

    async def connect(_address: str, _busy_seconds: float) -> Any:
        opened.append(_Connection(fails[len(opened)]))
        return opened[-1]

    with pytest.raises(StorageUnavailable):
        await Database.open(path, connect=connect)
    assert [connection.is_closed for connection in opened] == [True] * len(fails)


async def test_a_log_that_is_being_read_is_emptied_later(sqlite_database: Database) -> None:
    async with sqlite_database.transaction() as tx:
        await put_meta(tx, "a", b"overwritten")
    with closing(sqlite3.connect(sqlite_database.path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM meta").fetchall()
        async with sqlite_database.transaction() as tx:
            await put_meta(tx, "a", b"1")
        assert (await sqlite_database.flush(), sqlite_database.flush_owed) == (False, True)
    retention = Retention(sqlite_database, _OneTurn(), _give_up_nothing, lambda _: None)
    with pytest.raises(asyncio.CancelledError):
        await retention.erase()
    assert not sqlite_database.flush_owed
    assert not [file for file in sqlite_database.path.parent.iterdir() if b"overwritten" in file.read_bytes()]


async def _give_up_nothing(_before: int) -> None:
    """For a loop that deletes nothing."""


class _OneTurn(ManualClock):
    """A clock whose second sleep is the end."""

    def __init__(self) -> None:
        super().__init__(0)
        self._slept = 0

    async def sleep(self, _seconds: float) -> None:
        self._slept += 1
        if self._slept > 1:
            raise asyncio.CancelledError
