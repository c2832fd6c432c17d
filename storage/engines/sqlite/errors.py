"""What SQLite's errors mean for the operator at a start."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from storage.errors import DatabaseLocked, DatabaseUnreachable, DatabaseUnusable, damaged, read_only

_SPACE_TO_START = 128 * 1024
"""Bytes."""
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_READ_ONLY = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way, so that a later try may succeed."""
    return _primary_code(error) in _BUSY


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is not a whole SQLite database."""
    return _primary_code(error) in _DAMAGED


def unusable(path: Path, error: sqlite3.Error) -> DatabaseUnusable:
    """The error to raise if SQLite fails at a start."""
    code = _primary_code(error)
    if code in _BUSY:
        return DatabaseLocked(f"The database {path} is locked by another program. End that program, then start again.")
    if is_damage(error):
        return damaged(path)
    if code in _READ_ONLY:
        return read_only(path)
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _has_no_space(path.parent)):
        return DatabaseUnreachable(f"The disk that holds the database {path} is full. Make room, then start again.")
    return DatabaseUnreachable(f"The database {path} cannot be opened ({error}). Check DATABASE_URL and the folder.")


def _primary_code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _has_no_space(folder: Path) -> bool:
    """Whether the disk is full. If it has no space for SQLite's shared memory, SQLite calls that an I/O error."""
    try:
        return shutil.disk_usage(folder).free < _SPACE_TO_START
    except OSError:
        return False
