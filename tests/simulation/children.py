"""Processes of their own in which lives are lived: the hash seed is fixed there, and discord.py is changed there alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from types import TracebackType

from tests.simulation.lives import Life, live
from tests.simulation.plan import draw

_LIVES = 25
"""Of one process, which keeps what was killed in it."""


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


class Child:
    """Lives one seed after the other."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lived = 0

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._end()

    def live(self, seed: int) -> Life:
        """The life of this seed. A fault of the simulation itself is told as a broken law."""
        process = self._process or self._begin()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{seed}\n")
            process.stdin.flush()
        except BrokenPipeError:
            return self._failed(seed)
        line = process.stdout.readline()
        if not line.startswith("{"):
            return self._failed(seed)
        self._lived += 1
        if self._lived == _LIVES:
            self._end()
        return Life.of_line(line)

    def _begin(self) -> subprocess.Popen[str]:
        self._lived = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.children"],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._process

    def _failed(self, seed: int) -> Life:
        process, self._process = self._process, None
        said = process.communicate()[1] if process is not None else ""
        return Life(seed, Counter(), [f"the simulation itself failed: {said[-2000:]}"], "")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.communicate()


def _serve() -> None:
    for line in sys.stdin:
        sys.stdout.write(live(draw(int(line))).as_line() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
    os._exit(0)
