"""Copies of the database, made by SQLite itself, so that they are whole even while the bot writes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from storage.errors import damaged, unusable
from storage.files import require_file, sync_file, sync_folder
from storage.uri import uri


class BackupFailed(Exception):
    """The copy could not be made; `str()` is one line saying why."""


async def backup(database: Path, target: Path) -> None:
    """Copies the database to a new file of mode 0600 and checks the copy; the bot may run meanwhile.

    Raises BackupFailed where `target` exists or cannot be written, a class of DatabaseUnusable where the database
    cannot be read; nothing is then left at `target`.
    """
    require_file(database)
    _claim(target)
    try:
        await asyncio.to_thread(_copy_checked, database, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def copy(connection: sqlite3.Connection, target: Path) -> None:
    """Copies a database whole to `target`, in place of what is there, as one file of mode 0600 that needs no companion.

    Raises sqlite3.Error or OSError; what was at `target` is then still there.
    """
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(part)) as destination:
            connection.backup(destination)
            destination.execute("PRAGMA journal_mode = DELETE")
        sync_file(part)
        os.replace(part, target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _claim(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise BackupFailed(f"{target} is there already and is not overwritten. Choose another name.") from error
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written ({error.strerror}). Choose another place.") from error


def _copy_checked(database: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(uri(database, "ro"), uri=True, isolation_level=None)) as connection:
            # The first read tells a source that is none; an error after it is the target's.
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            copy(connection, target)
    except sqlite3.Error as error:
        raise unusable(database, error) from error
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written ({error.strerror}). Choose another place.") from error
    with closing(sqlite3.connect(uri(target, "ro"), uri=True)) as made:
        try:
            found = made.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError:
            found = "unreadable"
    if found != "ok":
        raise damaged(database)
