"""The media folder. It is beside the database, and emptied at every start."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from settings import DatabasePlace, PostgresUrl
from storage.files import writable


class FolderUnusable(Exception):
    """The media folder cannot be used; `str()` is one line that says what to change."""


def folder_beside(database: DatabasePlace, number: int = 1) -> Path:
    """The media folder of a bot with this database. It is beside SQLite's file; with PostgreSQL, each process on the
    machine has its own, by `number`."""
    if isinstance(database, PostgresUrl):
        return database.folder / f"postgres-{database.digest}{'' if number == 1 else f'-{number}'}.media"
    return database.with_name(database.name + ".media")


@contextmanager
def held_folder(database: DatabasePlace) -> Iterator[Path]:
    """Reserves a media folder for this process until the context ends, and empties those of processes on this machine
    that are gone. Raises FolderUnusable."""
    if isinstance(database, Path):  # The process that holds the database holds its folder too.
        yield folder_beside(database)
        return
    for number in count(1):
        folder = folder_beside(database, number)
        with _says_unusable(folder):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _lock(folder)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
        try:
            _sweep_others(database, folder)
            yield folder
        finally:
            lock.release()
        return


def _lock(folder: Path) -> FileLock:
    return FileLock(folder.with_name(folder.name + ".lock"), mode=0o600, fallback_to_soft=False)


def _sweep_others(database: PostgresUrl, own: Path) -> None:
    """Empties the folders that no process holds: perhaps so many never run here again."""
    for folder in database.folder.glob(f"postgres-{database.digest}*.media"):
        with suppress(OSError, FolderUnusable):  # Another process holds it, or it is another user's.
            if folder != own:
                with _lock(folder).acquire(blocking=False):
                    sweep(folder)


def sweep(folder: Path) -> int:
    """Creates the folder, and deletes the files that an earlier process left in it; returns how many there were.

    Raises FolderUnusable.
    """
    with _says_unusable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        leftovers = _leftovers(folder)
        for path in leftovers:
            path.unlink(missing_ok=True)
    return len(leftovers)


def check_folder(folder: Path) -> None:
    """Raises FolderUnusable if `sweep` would, without changing anything."""
    with _says_unusable(folder):
        if folder.exists():
            _leftovers(folder)


def _leftovers(folder: Path) -> list[Path]:
    leftovers = [path for path in folder.iterdir() if path.is_file()]
    if not writable(folder):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return leftovers


@contextmanager
def _says_unusable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FolderUnusable(
            f"The folder for videos {folder} cannot be used ({error.strerror}). Give it to the user that "
            "runs the bot, or delete it."
        ) from error
