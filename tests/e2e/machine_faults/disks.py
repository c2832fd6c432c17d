"""Full disks: a small disk that a test mounts, and a limit on the bot's file sizes, which doesn't need root."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.e2e.process import BotProcess

_SIZE = 8 * 2**20
_BLOCK = 4096


class Disk(Protocol):
    """Where the bot keeps its database and its videos."""

    def fill(self, bot: BotProcess, left: int = 0) -> None:
        """Leaves this many bytes free."""

    def make_room(self, bot: BotProcess) -> None:
        """Allows all writes again."""


class SmallDisk:
    """A disk of a few megabytes, filled by a file that is not the bot's."""

    def __init__(self, folder: Path) -> None:
        self._filling = folder / "filling"

    def fill(self, bot: BotProcess, left: int = 0) -> None:
        with self._filling.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_BLOCK))
            except OSError as error:
                assert error.errno == errno.ENOSPC
            file.truncate(file.tell() - left)

    def make_room(self, bot: BotProcess) -> None:
        self._filling.unlink()


class BoundOnFiles:
    """A limit of the operating system on the size of files that the bot's process writes."""

    def fill(self, bot: BotProcess, left: int = 0) -> None:
        _, most = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (left, most))

    def make_room(self, bot: BotProcess) -> None:
        _, most = resource.prlimit(bot.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(bot.pid, resource.RLIMIT_FSIZE, (most, most))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """Mounts a small disk at the folder; skips the test if that isn't allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk is mounted by root alone")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
