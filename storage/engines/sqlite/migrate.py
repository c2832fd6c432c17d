"""Migrates an SQLite database to the newest tables: each step in one transaction.

The number of the last step is stored in the database itself (`PRAGMA user_version`), within that step's transaction, so
that a crash at any statement leaves the old state or the new one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from storage.engines import migrations
from storage.engines.migrations import Migration
from storage.engines.sqlite import backup


def version(connection: sqlite3.Connection) -> int:
    """The number of the last step that was applied; 0 for an empty database."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_not_newer(path: Path, connection: sqlite3.Connection, known: int) -> None:
    """Raises DatabaseTooNew if a newer bot has migrated the database: with SQLite no older one may run after it."""
    tables = version(connection)
    migrations.refuse_newer(path, tables=tables, oldest_code=tables, known=known)


def migrate(path: Path, connection: sqlite3.Connection, steps: list[Migration]) -> None:
    """Applies the steps that are missing. The connection must have `isolation_level=None`.

    Before the first step on a database that has tables, a copy is made beside it, named after its version. Raises
    DatabaseTooNew, and sqlite3.Error if a step fails, which is then undone as a whole.
    """
    check_not_newer(path, connection, migrations.newest(steps))
    missing = migrations.missing(steps, version(connection))
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

    The copy is kept for a month. It contains no tokens, so that a token that is removed meanwhile is not left in it.
    """
    target = path.with_name(f"{path.name}.before-{version(connection) + 1}")
    backup.copy(connection, target, with_tokens=False)
    return target


def _apply(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in step.statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step.number}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
