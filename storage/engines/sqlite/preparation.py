"""What happens to an SQLite database before the bot works with it: it is made, checked and migrated."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from storage.engines import migrations
from storage.engines.sqlite import mark, migrate
from storage.engines.sqlite.errors import is_locked, unusable
from storage.engines.sqlite.mark import uri
from storage.errors import damaged, read_only, unmakeable
from storage.files import make_folder, make_private, require_file, writable
from storage.run_to_completion import run_to_completion

_T = TypeVar("_T")

LOCK_WAIT_SECONDS = 10.0
"""How long a start waits for another program's lock."""
_ATTEMPT_SECONDS = 0.25
_QUICK_CHECK_SECONDS = 1.0

PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
)
"""Set on every connection. `secure_delete`: a forgotten token leaves no bytes in the file."""


async def prepare(path: Path, lock_wait: float) -> None:
    """Makes, checks and migrates the database. Raises a class of DatabaseUnusable."""
    make_file(path)
    try:
        await _patiently(path, lock_wait, _prepare_once)
    except OSError as error:
        raise unmakeable(path, error) from error  # the copy before a migration


async def examine(path: Path, lock_wait: float = LOCK_WAIT_SECONDS) -> int:
    """Checks a database as a start does, but makes and migrates nothing; returns the version of its tables.

    Raises a class of DatabaseUnusable; a missing file is DatabaseUnreachable.
    """
    require_file(path)
    _check_writable(path)
    return await _patiently(path, lock_wait, _examine_once)


def may_be_migrated(path: Path) -> bool:
    """Whether the file has tables of an earlier version, which `prepare` would migrate. Also true if there is no file,
    or if it can't be read now."""
    try:
        with _connected(path) as connection:
            return 0 < migrate.version(connection) < migrations.newest(migrations.load("sqlite"))
    except sqlite3.Error:
        return True


async def _patiently(path: Path, lock_wait: float, work: Callable[[Path], _T]) -> _T:
    """Waits for another program's lock in short attempts, so that a bot that is told to stop meanwhile stops.

    A thread can't be stopped, so a cancellation waits for its end: the caller's lock must not be free before.
    """
    deadline = time.monotonic() + lock_wait
    while True:
        try:
            return await run_to_completion(asyncio.to_thread(work, path))
        except sqlite3.Error as error:
            if not is_locked(error) or time.monotonic() >= deadline:
                raise unusable(path, error) from error
        await asyncio.sleep(0.05)


def make_file(path: Path) -> None:
    """Makes the folder and an empty file of mode 0600, if there is none.

    Raises DatabaseUnreachable, DatabaseReadOnly or DatabaseForeign.
    """
    make_folder(path)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise unmakeable(path, error) from error
    _check_writable(path)
    with suppress(sqlite3.Error):  # it is locked or damaged: `prepare` waits, or says so
        _refuse_foreign(path)


def _prepare_once(path: Path) -> None:
    steps = migrations.load("sqlite")
    _refuse_foreign(path)
    make_private(path)  # before SQLite gives its companion files the same mode
    with _connected(path) as connection:
        _check(path, connection, migrations.newest(steps))
        connection.execute("PRAGMA journal_mode = WAL")
        migrate.migrate(path, connection, steps)
        mark.mark_own(connection)
        _probe_write(connection)


def _examine_once(path: Path) -> int:
    _refuse_foreign(path)
    with _connected(path) as connection:
        _check(path, connection, migrations.newest(migrations.load("sqlite")))
        _probe_write(connection)
        return migrate.version(connection)


def _refuse_foreign(path: Path) -> None:
    with _connected(path) as connection:
        mark.refuse_foreign(path, connection)


def _check(path: Path, connection: sqlite3.Connection, newest: int) -> None:
    migrate.check_not_newer(path, connection, newest)
    _quick_check(path, connection)


def _quick_check(path: Path, connection: sqlite3.Connection) -> None:
    """Runs SQLite's own check for at most a second, so that a start with a large database does not wait for it."""
    timer = threading.Timer(_QUICK_CHECK_SECONDS, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return
        raise
    finally:
        timer.cancel()
        timer.join()
    if found != "ok":
        raise damaged(path)


def _probe_write(connection: sqlite3.Connection) -> None:
    # In WAL mode nothing else shows that another program holds the lock, or that the file can't be written.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")


@contextmanager
def _connected(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(
        uri(path, "rw"),
        uri=True,
        isolation_level=None,
        timeout=_ATTEMPT_SECONDS,
        check_same_thread=False,
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
        yield connection
    finally:
        connection.close()


def _check_writable(path: Path) -> None:
    if not writable(path) or not writable(path.parent):
        raise read_only(path)
