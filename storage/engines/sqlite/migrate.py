"""Brings a database to the newest tables: numbered SQL files, each in one transaction.

The number of the last one applied is kept in the database itself (`PRAGMA user_version`), written in the same
transaction, so that a crash at any statement leaves the old state or the new one.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from storage.engines.sqlite import backup
from storage.errors import DatabaseTooNew

MIGRATIONS = Path(__file__).parent.parent.parent / "migrations"
_FILE_NAME = re.compile(r"(\d{4})_\w+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the version before to `number`."""

    number: int
    statements: tuple[str, ...]


def load(folder: Path = MIGRATIONS) -> list[Migration]:
    """The steps in their order. Raises ValueError where a number is missing or stands twice."""
    steps = []
    for file in sorted(folder.glob("*.sql")):
        name = _FILE_NAME.fullmatch(file.name)
        if name is None:
            raise ValueError(f"{file.name} is not named like 0001_what_it_does.sql")
        steps.append(Migration(int(name[1]), split(file.read_text(encoding="utf-8"))))
    if [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError(f"the numbers in {folder} are not 1, 2, 3 and so on")
    return steps


def split(script: str) -> tuple[str, ...]:
    """The statements of a script. A statement ends with a semicolon at a line's end (comments may follow it)."""
    statements = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending.strip())
            pending = ""
    if _without_comments(pending):
        raise ValueError("the last statement lacks its semicolon")
    return tuple(statements)


def version(connection: sqlite3.Connection) -> int:
    """The number of the last migration applied; 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_not_newer(path: Path, connection: sqlite3.Connection, newest: int) -> None:
    """Raises DatabaseTooNew where a newer bot has written the database."""
    found = version(connection)
    if found > newest:
        raise DatabaseTooNew(
            f"The database {path} was written by a newer version of this bot (tables {found}, known up to {newest}). "
            "Install that version, or put an older backup in its place."
        )


def migrate(path: Path, connection: sqlite3.Connection, steps: list[Migration]) -> None:
    """Applies the steps that are missing. The connection must have `isolation_level=None`.

    Before the first step on a database that holds something, a copy is made beside it, named after its version.
    Raises DatabaseTooNew, and sqlite3.Error where a step fails (that step is then wholly undone).
    """
    check_not_newer(path, connection, len(steps))
    missing = steps[version(connection) :]
    if missing and version(connection) > 0:
        copy_beside(path, connection)
    for step in missing:
        _apply(connection, step)


def delete_old_copies(path: Path, before: int) -> None:
    """Deletes the copies that were made beside the database before this time (milliseconds UTC). Raises OSError."""
    for copy in path.parent.glob(f"{path.name}.before-*"):
        if copy.stat().st_mtime * 1000 <= before:
            copy.unlink()


def copy_beside(path: Path, connection: sqlite3.Connection) -> Path:
    """Copies the database to `<name>.before-<next version>`, whole or not at all, and returns the copy's path.

    It lies there for a month, and a token that is removed meanwhile must be in no copy: it holds none.
    """
    target = path.with_name(f"{path.name}.before-{version(connection) + 1}")
    backup.copy(connection, target, with_tokens=False)
    return target


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if version(connection) == step.number - 1:
            for statement in step.statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {step.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _without_comments(script: str) -> str:
    return re.sub(r"--[^\n]*", "", script).strip()
