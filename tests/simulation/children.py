"""Child processes for the lives, in which the hash seed is fixed and discord.py is patched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.simulation import plan, scenes
from tests.simulation.lives import Life, live
from tests.simulation.plan import Plan

KINDS: dict[str, Callable[[int], Plan]] = {
    "large": plan.draw,
    "small": plan.draw_small,
    "scenes": scenes.draw_scenes,
}


def draws(kind: str) -> Callable[[int], Plan]:
    """Returns the function that makes the plan of a life of this kind from a seed. A scene's name is a kind, too."""
    return KINDS[kind] if kind in KINDS else lambda seed: scenes.draw_alone(kind, seed)


def child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


class Child:
    """Runs lives of one kind (see `draws`) in a child process.

    `tree` is the folder of the code to run, by default this one. `until_broken` ends a life at the first broken law.
    """

    def __init__(self, kind: str, *, tree: Path | None = None, until_broken: bool = False) -> None:
        self._tree = tree
        self._options = ["--until-broken"] if until_broken else []
        self._kind = kind
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def live(self, seed: int) -> Life:
        """Runs the life of this seed. An error of the simulation itself is reported as a broken law."""
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
        return Life.of_line(line)

    def _begin(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.children", self._kind, *self._options],
            cwd=self._tree,
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


def _serve(kind: str, *, until_broken: bool) -> None:
    """Runs each life in a fork, so that it isn't affected by earlier lives, and everything that was killed in it goes
    with it."""
    draw = draws(kind)
    for line in sys.stdin:
        fork = os.fork()
        if fork == 0:
            sys.stdout.write(live(draw(int(line)), until_broken=until_broken).as_line() + "\n")
            sys.stdout.flush()
            os._exit(0)
        _, status = os.waitpid(fork, 0)
        if status != 0:
            return


if __name__ == "__main__":
    _serve(sys.argv[1], until_broken="--until-broken" in sys.argv)
