"""Errors of the database. For errors at a start, `str()` is one line for the operator that says what to change."""

from __future__ import annotations

import errno
from pathlib import Path


class StorageError(Exception):
    """The database has refused a statement. Nothing of its transaction is written."""


class StorageUnavailable(StorageError):
    """The database can't be used now, but may be later: it is locked or out of reach, or its disk is full or
    failing."""


class DatabaseUnusable(Exception):
    """The database, or the key to it, cannot be used as it is."""


class DatabaseUnreachable(DatabaseUnusable):
    """The file cannot be opened or made."""


class DatabaseReadOnly(DatabaseUnusable):
    """The file or its folder can't be written."""


class DatabaseDamaged(DatabaseUnusable):
    """The file is not an SQLite database, or is a broken one."""


class DatabaseForeign(DatabaseUnusable):
    """Another program has made the database."""


class DatabaseTooNew(DatabaseUnusable):
    """A newer version of the bot has changed the database's tables."""


class DatabaseTooOld(DatabaseUnusable):
    """The server's version is older than the bot supports."""


class DatabaseRefused(DatabaseUnusable):
    """The server does not let this user in, or is not set up for this bot."""


class DatabaseLocked(DatabaseUnusable):
    """Another program keeps the database locked."""


class WrongKey(DatabaseUnusable):
    """The key is well-formed, but it is not the key of this database."""


class KeyMalformed(DatabaseUnusable):
    """The key is not a Fernet key."""


class KeyMissing(DatabaseUnusable):
    """The database was used with a key, and there is none now, or the key file cannot be used."""


class AlreadyRunning(Exception):
    """Another relay bot works with this database."""


class TransactionMisused(RuntimeError):
    """A mistake in the bot's own code: a transaction inside another one of the same task, or used after its end."""


def unmakeable(path: Path, error: OSError) -> DatabaseUnusable:
    """The error to raise if the database's file or folder cannot be opened or made."""
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return read_only(path)
    return DatabaseUnreachable(f"The database {path} cannot be opened ({error.strerror}). Check DATABASE_URL.")


def damaged(path: Path) -> DatabaseDamaged:
    """The error to raise for a file that is not a whole SQLite database."""
    return DatabaseDamaged(
        f"The database {path} is damaged or not an SQLite database. Put a backup in its place, or change DATABASE_URL."
    )


def read_only(path: Path) -> DatabaseReadOnly:
    """The error to raise for a file or folder that can't be written."""
    return DatabaseReadOnly(
        f"The database {path} cannot be written. Allow this user to write to the file and its folder {path.parent}."
    )
