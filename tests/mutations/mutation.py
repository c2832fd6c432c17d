"""What a fault is, and how it gets into a copy of the tree."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

IMPORT_RULES = "lint-imports"
"""The check that is no test."""


class FaultOutdated(Exception):
    """The code that the fault changes is not there (any more), or not there once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One text of a file, which must stand there exactly once, in the place of which another is put."""

    file: str
    old: str
    new: str

    def apply(self, tree: Path) -> None:
        """Raises FaultOutdated."""
        path = tree / self.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(self.old) != 1:
            raise FaultOutdated(f"{self.file} holds {text.count(self.old)} times: {self.old!r}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Fault:
    """A safeguard taken away, and the test (a pytest node id) or check that must then fail."""

    name: str
    edits: tuple[Edit, ...]
    caught_by: str


def fault(name: str, caught_by: str, file: str, old: str, new: str) -> Fault:
    """A fault that is a single edit."""
    return Fault(name, (Edit(file, old, new),), caught_by)
