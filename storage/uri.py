"""SQLite's addresses of files."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote


def uri(path: Path, mode: str) -> str:
    """The address for `sqlite3.connect(…, uri=True)`; `mode` is ro (only reads) or rw (never makes the file)."""
    return f"file:{quote(path.absolute().as_posix())}?mode={mode}"
