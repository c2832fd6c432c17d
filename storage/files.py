"""The database's file and those beside it: written whole or not at all, and private to the bot's user."""

from __future__ import annotations

import os
from pathlib import Path

from storage.errors import DatabaseUnreachable, unmakeable


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file of mode 0600 in place of an earlier one; it is on the disk when this returns. Raises OSError."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Writes a folder's entries to the disk, if the system can do that."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Writes a file's content to the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def writable(path: Path) -> bool:
    """Whether this process may write to a file, or make files in a folder."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def make_private(path: Path) -> None:
    """Removes all permissions of group and others, if this user owns the file."""
    if os.name != "posix":
        return
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(0o600)


def make_folder(database: Path) -> None:
    """Makes the database's folder, for this user alone. Raises DatabaseUnreachable or DatabaseReadOnly."""
    refuse_non_file(database)
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unmakeable(database, error) from error


def exists(database: Path) -> bool:
    """Whether a file, a folder or a device has the database's name. Raises DatabaseReadOnly if this user may not look
    there, and DatabaseUnreachable if the system can't."""
    try:
        database.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise unmakeable(database, error) from error
    return True


def refuse_non_file(database: Path) -> None:
    """Raises DatabaseUnreachable if a folder or a device has the database's name, and what `exists` raises."""
    if exists(database) and not database.is_file():
        raise DatabaseUnreachable(f"The database {database} cannot be opened: it is not a file. Check DATABASE_URL.")


def require_file(path: Path) -> None:
    """Raises DatabaseUnreachable if there is no database yet."""
    refuse_non_file(path)
    if not path.is_file():
        raise DatabaseUnreachable(
            f"There is no database {path} yet: the first start creates it. If there should be one, check DATABASE_URL."
        )
