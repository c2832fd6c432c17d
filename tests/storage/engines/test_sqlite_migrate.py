from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from storage.engines import migrations
from storage.engines.migrations import Migration
from storage.engines.sqlite import migrate
from storage.errors import DatabaseTooNew

SECOND = Migration(
    2,
    (
        "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",
        "INSERT INTO notes (text) SELECT name FROM meta",
        "ALTER TABLE meta ADD COLUMN added INTEGER",
        "DELETE FROM meta",
    ),
    2,
)


class PowerCut(Exception):
    """Nothing reaches the database from now on."""


class Mortal(sqlite3.Connection):
    """A connection that dies before its n-th statement, and stays dead."""

    left = -1

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        if self.left == 0:
            raise PowerCut
        self.left -= 1
        return super().execute(sql, *args)


@contextmanager
def connected(path: Path, left: int = -1) -> Iterator[Mortal]:
    connection = sqlite3.connect(path, isolation_level=None, factory=Mortal)
    connection.left = left
    try:
        yield connection
    finally:
        connection.close()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump(), f"version {migrate.version(connection)}"]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of the first version with something in it."""
    path = tmp_path / "relay.db"
    with connected(path) as connection:
        migrate.migrate(path, connection, migrations.load("sqlite")[:1])
        connection.execute("INSERT INTO meta VALUES ('a', x'01')")
    return path


def test_the_bot_s_own_migrations_are_numbered_and_apply(tmp_path: Path) -> None:
    steps = migrations.load("sqlite")
    with connected(tmp_path / "relay.db") as connection:
        migrate.migrate(tmp_path / "relay.db", connection, steps)
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        assert migrate.version(connection) == len(steps)
    assert {"meta", "accounts", "servers", "jobs", "subscriptions", "subscribers", "deliveries"} <= tables
    assert [file.name for file in tmp_path.iterdir()] == ["relay.db"]


def test_a_crash_in_the_first_migration_leaves_an_empty_database_or_a_complete_one(
    tmp_path: Path,
) -> None:
    whole = tmp_path / "whole.db"
    with connected(whole) as connection:
        migrate.migrate(whole, connection, migrations.load("sqlite")[:1])
    allowed = ([*_dump_of_empty(tmp_path), "version 0"], dump(whole))
    ended = []
    for left in range(60):
        path = tmp_path / f"{left}.db"
        with connected(path, left) as connection:
            try:
                migrate.migrate(path, connection, migrations.load("sqlite")[:1])
            except PowerCut:
                ended.append(False)
            else:
                ended.append(True)
        assert dump(path) in allowed
        with connected(path) as connection:
            migrate.migrate(path, connection, migrations.load("sqlite")[:1])
        assert dump(path) == dump(whole)
    assert ended.count(False) > 15
    assert ended[-1]


def _dump_of_empty(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "empty.db")) as connection:
        return list(connection.iterdump())


def test_a_crash_in_a_later_migration_leaves_the_old_state_or_the_new_one(old: Path) -> None:
    steps = [*migrations.load("sqlite")[:1], SECOND]
    before = dump(old)
    bytes_before = old.read_bytes()
    with connected(old) as connection:
        migrate.migrate(old, connection, steps)
    after = dump(old)
    assert before != after
    cuts = 0
    for left in range(30):
        old.write_bytes(bytes_before)
        with connected(old, left) as connection:
            try:
                migrate.migrate(old, connection, steps)
            except PowerCut:
                cuts += 1
        assert dump(old) in (before, after)
        with connected(old) as connection:
            migrate.migrate(old, connection, steps)
        assert dump(old) == after
    assert 6 < cuts < 30


def test_a_failing_statement_rolls_back_its_migration(old: Path) -> None:
    before = dump(old)
    broken = Migration(2, (*SECOND.statements, "INSERT INTO nowhere VALUES (1)"), 2)
    with connected(old) as connection:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate.migrate(old, connection, [*migrations.load("sqlite")[:1], broken])
        connection.execute("BEGIN IMMEDIATE")
    assert dump(old) == before


def test_a_private_copy_is_made_before_a_migration(old: Path) -> None:
    before = dump(old)
    with connected(old) as connection:
        migrate.migrate(old, connection, [*migrations.load("sqlite")[:1], SECOND])
    copy = old.with_name("relay.db.before-2")
    assert dump(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(file.name for file in old.parent.iterdir()) == ["relay.db", "relay.db.before-2"]


def test_without_a_migration_no_copy_is_made(old: Path) -> None:
    with connected(old) as connection:
        migrate.migrate(old, connection, migrations.load("sqlite")[:1])
    assert [file.name for file in old.parent.iterdir()] == ["relay.db"]


def test_a_newer_database_is_left_alone(old: Path) -> None:
    before = old.read_bytes()
    with connected(old) as connection, pytest.raises(DatabaseTooNew):
        migrate.migrate(old, connection, [])
    assert old.read_bytes() == before


def test_statements_are_split_only_at_their_ends() -> None:
    script = (
        "-- a; comment\nCREATE TABLE a (b TEXT DEFAULT ';');  -- after\n\n"
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN\n  DELETE FROM a;\n  SELECT 1;\nEND;\n-- the end\n"
    )
    statements = migrations.split(script)
    assert len(statements) == 2
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in statements:
            connection.execute(statement)


def test_a_script_that_ends_in_the_middle_of_a_statement_is_refused() -> None:
    with pytest.raises(ValueError, match="semicolon"):
        migrations.split("CREATE TABLE a (b);\nCREATE TABLE c (d)")


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["first.sql"]])
def test_missing_numbers_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("-- Oldest code: 1\nSELECT 1;")
    with pytest.raises(ValueError, match=r"number|named"):
        migrations.load("sqlite", tmp_path)


def test_both_engines_end_with_the_same_step_and_each_names_the_oldest_code(tmp_path: Path) -> None:
    sqlite_steps, postgres_steps = migrations.load("sqlite"), migrations.load("postgres")
    assert migrations.newest(sqlite_steps) == migrations.newest(postgres_steps)
    assert all(0 < step.oldest_code <= step.number for step in sqlite_steps + postgres_steps)
    (tmp_path / "0001_a.sql").write_text("-- Oldest code: 1\nSELECT 1;")
    (tmp_path / "0002_b.sqlite.sql").write_text("-- Oldest code: 1\nSELECT 1;")
    (tmp_path / "0002_b.postgres.sql").write_text("-- Oldest code: 1\nSELECT 2;")
    assert [step.statements[-1] for step in migrations.load("postgres", tmp_path)][1].endswith("SELECT 2;")
    for text in ("SELECT 1;", "-- Oldest code: 4\nSELECT 1;"):
        (tmp_path / "0003_c.sql").write_text(text)
        with pytest.raises(ValueError, match="oldest code"):
            migrations.load("sqlite", tmp_path)
