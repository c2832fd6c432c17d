"""The folder for videos: beside the database, emptied at every start."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from settings import DatabasePlace, PostgresUrl
from storage.files import writable


class FolderUnusable(Exception):
    """The folder for videos cannot be used; `str()` is one line saying what to change."""


def folder_beside(database: DatabasePlace, number: int = 1) -> Path:
    """The folder for the videos of a bot with this database: beside SQLite's file; with PostgreSQL, one for each
    process of the machine, by its number."""
    if isinstance(database, PostgresUrl):
        return database.folder / f"postgres-{database.digest}{'' if number == 1 else f'-{number}'}.media"
    return database.with_name(database.name + ".media")


@contextmanager
def held_folder(database: DatabasePlace) -> Iterator[Path]:
    """The folder of this process, which no other process uses until the context ends. Raises FolderUnusable."""
    if isinstance(database, Path):  # Whoever holds the database has its folder too.
        yield folder_beside(database)
        return
    for number in count(1):
        folder = folder_beside(database, number)
        with _says_unusable(folder):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(folder.with_name(folder.name + ".lock"), mode=0o600, fallback_to_soft=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                continue
        try:
            yield folder
        finally:
            lock.release()
        return


def sweep(folder: Path) -> int:
    """Makes the folder, and deletes the files that an earlier process left in it; returns how many.

    Raises FolderUnusable.
    """
    with _says_unusable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        leftovers = _leftovers(folder)
        for path in leftovers:
            path.unlink(missing_ok=True)
    return len(leftovers)


def look_over(folder: Path) -> None:
    """Raises FolderUnusable if `sweep` would, and changes nothing."""
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
