"""Copies an SQLite database with SQLite's own backup, so that the copy is complete even while the bot writes."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from storage.engines.sqlite.errors import is_damage, unusable
from storage.engines.sqlite.mark import refuse_foreign, uri
from storage.errors import DatabaseForeign, damaged
from storage.files import require_file, sync_file, sync_folder
from storage.run_to_completion import run_to_completion


class BackupFailed(Exception):
    """The copy could not be made; `str()` is one line saying why."""


async def backup(database: Path, target: Path) -> None:
    """Copies the database to a new file of mode 0600 and checks the copy; the bot may run meanwhile.

    Raises BackupFailed if `target` exists or cannot be written, and a class of DatabaseUnusable if the database cannot
    be read. Nothing is then left at `target`, and neither is if it is cancelled.
    """
    require_file(database)
    _make_new(target)
    copying = asyncio.create_task(asyncio.to_thread(_copy_checked, database, target))
    try:
        await asyncio.shield(copying)
    except BaseException:
        _remove(target)  # At once, because the process may not live until the copy's end.
        try:
            with suppress(Exception):
                await run_to_completion(copying)
        finally:
            _remove(target)
        raise


def copy(connection: sqlite3.Connection, target: Path, *, with_tokens: bool = True) -> None:
    """Copies a database to `target`, in place of what is there, as one file of mode 0600 without companion files.

    Without tokens, each server's API token has to be entered again if the copy is used. Raises sqlite3.Error or
    OSError; what was at `target` is then still there.
    """
    part = _part_of(target)
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with closing(sqlite3.connect(part)) as destination:
            connection.backup(destination)
            if not with_tokens:
                destination.execute("PRAGMA secure_delete = ON")
                destination.execute("UPDATE accounts SET token = NULL")
                destination.commit()
            destination.execute("PRAGMA journal_mode = DELETE")
        sync_file(part)
        os.replace(part, target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def _part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _remove(target: Path) -> None:
    for file in (target, _part_of(target)):
        file.unlink(missing_ok=True)


def _make_new(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError as error:
        raise BackupFailed(f"{target} is there already and is not overwritten. Choose another name.") from error
    except OSError as error:
        raise _unwritable(target, error) from error


def _copy_checked(database: Path, target: Path) -> None:
    with closing(_opened(database)) as connection:
        try:
            copy(connection, target)
        except sqlite3.Error as error:
            if is_damage(error):
                raise damaged(database) from error
            raise BackupFailed(f"The copy to {target} broke off ({error}). Is there room?") from error
        except OSError as error:
            raise _unwritable(target, error) from error
    if not _is_whole(target):
        raise damaged(database)


def _opened(database: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri(database, "ro"), uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise unusable(database, error) from error
    try:
        refuse_foreign(database, connection)
    except sqlite3.Error as error:
        connection.close()
        raise unusable(database, error) from error
    except DatabaseForeign:
        connection.close()
        raise
    return connection


def _is_whole(file: Path) -> bool:
    with closing(sqlite3.connect(uri(file, "ro"), uri=True)) as connection:
        try:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
        except sqlite3.DatabaseError:
            return False


def _unwritable(target: Path, error: OSError) -> BackupFailed:
    return BackupFailed(f"{target} cannot be written ({error.strerror}). Choose another place.")
