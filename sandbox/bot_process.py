"""Runs the real bot in its own process, without this machine's settings."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_TIED_BOT = Path(__file__).with_name("tied_bot.py")
_NOT_THE_BOT = frozenset({"sandbox", "tests", "benchmarks", "tools"})
_SECONDS_TO_LEAVE = 12.0
"""The bot promises to exit within ten seconds."""
SECONDS_TO_HAND_OVER = 30.0
"""With other processes to hand its work to, the bot promises to exit within 28 seconds."""
_LAST_WORDS = 30
_KEPT_LINES = 400


class BotFailure(Exception):
    """The bot's process has ended or doesn't behave as expected. `last_log_lines` are its latest log lines."""

    def __init__(self, reason: str, last_log_lines: list[str]) -> None:
        super().__init__(reason)
        self.last_log_lines = last_log_lines


def copy_program(target: Path) -> Path:
    """Copies the bot's code to `target`, so that a `.env` or database in the project's root is not touched."""
    target.mkdir()
    for file in _ROOT.glob("*.py"):
        shutil.copy2(file, target)
    for room in _ROOT.iterdir():
        if (room / "__init__.py").is_file() and room.name not in _NOT_THE_BOT:
            shutil.copytree(room, target / room.name)
    return target


class BotProcess:
    """Runs `bot.py` with this Python interpreter; `settings` are its whole environment.

    It is killed if it hasn't exited `seconds_to_leave` after SIGTERM.
    """

    def __init__(self, program: Path, settings: Mapping[str, str], seconds_to_leave: float = _SECONDS_TO_LEAVE) -> None:
        self._program = program
        self._settings = dict(settings)
        self._seconds_to_leave = seconds_to_leave
        self.stopping = False
        """Whether it has been sent SIGTERM."""
        self.starts = 0
        """How often it was started."""
        self.log: deque[str] = deque(maxlen=_KEPT_LINES)
        """The latest lines of its stdout and stderr, kept across restarts."""
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def last_log_lines(self) -> list[str]:
        """The last lines of the log."""
        return list(self.log)[-_LAST_WORDS:]

    @property
    def pid(self) -> int | None:
        """The id of the running process, or None."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.returncode is None

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before it was started."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Starts the process; does not wait for it to do anything.

        The process gets its own session, so Ctrl-C reaches only its parent, which then stops it cleanly. If the parent
        is killed, the process exits by itself.
        """
        self.starts += 1
        self.stopping = False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_TIED_BOT),
            str(self._program / "bot.py"),
            env=self._settings,
            cwd=self._program,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
            start_new_session=True,
        )
        self._reading = asyncio.create_task(self._read(self._process))

    async def ended(self) -> int:
        """Waits for the process to exit and returns its exit code, negative for a signal."""
        if self._process is None or self._reading is None:
            raise RuntimeError("the bot was not started")
        code = await self._process.wait()
        await asyncio.shield(self._reading)
        return code

    async def stop(self) -> None:
        """Sends SIGTERM, then SIGKILL if the process doesn't exit in time."""
        if self._process is None or self._process.returncode is not None:
            return
        self.stopping = True
        self._process.terminate()
        try:
            async with asyncio.timeout(self._seconds_to_leave):
                await self.ended()
        except TimeoutError:
            self._process.kill()
            await self.ended()

    async def kill(self) -> None:
        """Sends SIGKILL; the process gets no chance to clean up."""
        if self._process is None or not self.running:
            return
        self._process.kill()
        await self.ended()

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        async for line in process.stdout:
            self.log.append(line.decode(errors="replace").rstrip("\n"))
