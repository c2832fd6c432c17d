"""The lock that allows one bot for each SQLite database: the operating system's lock on a file beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from storage.errors import AlreadyRunning, DatabaseUnreachable, DatabaseUnusable, read_only
from storage.files import make_folder


class InstanceLock:
    """Held while a bot works with the database. The system frees it at once when the process dies."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._file = database.with_name(database.name + ".lock")
        # Never the library's soft lock: it outlives a killed process.
        self._lock = FileLock(
            self._file,
            mode=0o600,
            thread_local=False,
            fallback_to_soft=False,
        )

    def acquire(self) -> None:
        """Takes the lock, and makes the folder if it is missing.

        Raises AlreadyRunning at once if the lock is held, and a class of DatabaseUnusable if the file cannot be locked.
        """
        make_folder(self._database)
        try:
            self._lock.acquire(blocking=False)
        except Timeout as error:
            raise AlreadyRunning(
                f"Another relay bot is running with the database {self._database}. "
                "Stop it first, or use another DATABASE_URL."
            ) from error
        except OSError as error:
            raise self._no_lock(error) from error

    def try_file(self) -> None:
        """Raises a class of DatabaseUnusable if `acquire` could not open the lock's file. Takes and makes nothing."""
        try:
            os.close(os.open(self._file, os.O_RDWR))
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._no_lock(error) from error

    def is_held(self) -> bool:
        """Whether a bot works with the database. Raises what `acquire` does."""
        if not self._file.exists():
            return False
        try:
            with self:
                return False
        except AlreadyRunning:
            return True

    def release(self) -> None:
        """Frees the lock if it is held."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _no_lock(self, error: OSError) -> DatabaseUnusable:
        if isinstance(error, PermissionError):
            return read_only(self._database)
        return DatabaseUnreachable(
            f"The folder {self._database.parent} cannot hold a lock ({error.strerror}). "
            "Put the database on a local disk."
        )
