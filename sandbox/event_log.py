"""An append-only log of what happened in the sandbox, one JSON object per line, for a checker to read afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class EventLog:
    """Appends each event with one write, so processes can share a file and a kill leaves no partial line.

    Args:
        path: The file; None: nothing is written.
        now: Seconds since 1970.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]) -> None:
        self._now = now
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, event: str, **facts: object) -> None:
        """Add one event. Facts that are None or an empty text are left out."""
        if self._file is None:
            return
        told = {name: value for name, value in facts.items() if value not in (None, "")}
        line = json.dumps({"at": round(self._now(), 4), "event": event, **told}, ensure_ascii=False, default=str)
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        """Write nothing more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a file, oldest first; each has at least `at` and `event`."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
