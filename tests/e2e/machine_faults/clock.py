"""A wall clock that a test can set, by giving the bot's Python another time."""

from __future__ import annotations

from pathlib import Path

_SITE = """
import os
import time

_real = time.time_ns
_file = os.environ["TEST_CLOCK"]


def _ahead():
    with open(_file, encoding="ascii") as file:
        return int(file.read() or 0)


time.time_ns = lambda: _real() + _ahead() * 10**9
time.time = lambda: time.time_ns() / 10**9
"""


class WallClock:
    """The wall clock of the bot's process only; monotonic clocks are unchanged."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(_SITE)
        self._file = folder / "ahead"
        self.settings = {"PYTHONPATH": str(folder), "TEST_CLOCK": str(self._file)}
        """For the bot's environment. Python imports `sitecustomize` before anything else."""
        self.set(0)

    def set(self, ahead: int) -> None:
        """Sets the clock ahead of this machine's time by this many seconds; negative: behind it."""
        new = self._file.with_suffix(".new")
        new.write_text(str(ahead), encoding="ascii")
        new.replace(self._file)
