"""Secrets in files: `DISCORD_TOKEN_FILE` and the like, as Docker, Kubernetes and systemd provide them."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

SECRET_FILES: Mapping[str, str] = {
    "DISCORD_TOKEN_FILE": "DISCORD_TOKEN",
    "USEAPI_TOKEN_FILE": "USEAPI_TOKEN",
    "ENCRYPTION_KEY_FILE": "ENCRYPTION_KEY",
}
"""Each variable that names a file, and the one whose value the file holds."""

_MAX_BYTES = 64 * 1024


class SecretFileUnusable(Exception):
    """The file cannot be used. The message continues the variable's name and contains nothing of the file's content."""


def read_secret_files(given: Mapping[str, str], root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Reads the files that the variables in `given` name. Returns the secrets, and a line for each problem, both by the
    secret's own variable.

    A relative path counts from `root`.
    """
    secrets: dict[str, str] = {}
    problems: dict[str, str] = {}
    for variable, plain in SECRET_FILES.items():
        if variable not in given:
            continue
        if plain in given:
            problems[plain] = f"{variable} is set beside {plain}; keep one of the two"
            continue
        try:
            secrets[plain] = _read(root / given[variable])
        except SecretFileUnusable as error:
            problems[plain] = f"{variable} {error}"
    return secrets, problems


def readable_by_all(path: Path) -> bool:
    """Whether every user of this machine may read the file."""
    try:
        return bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _read(path: Path) -> str:
    """The file's text, stripped. Raises SecretFileUnusable, which does not contain the path: somebody may have put the
    secret itself there."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise SecretFileUnusable("names a file that does not exist; create it or correct the path") from None
    except IsADirectoryError:
        raise SecretFileUnusable("names a folder; name the file in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise SecretFileUnusable(f"names a file that cannot be read ({reason}); let the bot's user read it") from None
    if len(content) > _MAX_BYTES:
        raise SecretFileUnusable("names a file too large for a secret; name one that holds the secret alone")
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeError:
        raise SecretFileUnusable("names a file that is not UTF-8 text; put the secret there as text") from None
    if not text:
        raise SecretFileUnusable("names an empty file; put the secret there")
    return text
