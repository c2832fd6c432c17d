"""Where everything is kept: the file of an SQLite database, or the address of a PostgreSQL one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A PostgreSQL database. `str()` is its address without the password."""

    secret: SecretStr
    """The whole address, as the driver takes it."""
    folder: Path
    """Where the process keeps files of its own."""

    def __str__(self) -> str:
        parts = urlsplit(self.secret.get_secret_value())
        user, at, hosts = parts.netloc.rpartition("@")
        return urlunsplit((parts.scheme, user.partition(":")[0] + at + hosts, parts.path, "", ""))

    @property
    def digest(self) -> str:
        """Eight digits that tell databases apart, whatever the password."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:8]


DatabasePlace = Path | PostgresUrl
"""A path is the file of an SQLite database."""
