"""The keys that encrypt tokens at rest: from the settings, or from a file beside the database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from storage.errors import KeyMalformed, KeyMissing
from storage.files import narrow_mode, write_whole


def key_file(database: Path) -> Path:
    """Where the key lies when none is set: beside the database, which is useless without it."""
    return database.with_name(database.name + ".key")


def cipher(keys: Sequence[str], source: str) -> MultiFernet:
    """Encrypts with the first key, decrypts with any. `source` names where they come from.

    Raises KeyMalformed; the message holds none of the key.
    """
    if not keys:
        raise KeyMalformed(f"{source} holds no key.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise KeyMalformed(f"{source} is malformed: it must hold Fernet keys (44 characters), newest first.") from None


def read_key_file(file: Path) -> tuple[str, ...] | None:
    """The keys in the file, newest first, or None where there is no file. Raises KeyMissing where it is unreadable."""
    try:
        text = file.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyMissing(f"The key file {file} cannot be read ({error.strerror}). Let this user read it.") from error
    narrow_mode(file)
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def write_key_file(file: Path, keys: Sequence[str]) -> None:
    """Writes the keys, newest first, on the disk when this returns. Raises KeyMissing where that cannot be done."""
    try:
        write_whole(file, "".join(f"{key}\n" for key in keys).encode("ascii"))
    except OSError as error:
        raise KeyMissing(
            f"The key file {file} cannot be written ({error.strerror}). Let this user write to its folder."
        ) from error


def new_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode("ascii")
