"""The real bot in its own process: started, watched, stopped and killed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.forking import ForkedBot, ForkServer
from tests.e2e.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
_NOT_THE_BOT = frozenset({"sandbox", "tests", "benchmarks", "tools"})
NO_CERTIFICATES = {"SSL_CERT_FILE": os.devnull, "SSL_CERT_DIR": os.devnull}
"""Nothing here speaks TLS, and reading the machine's certificates is a tenth of a start."""
_LONGEST_END = 20.0
"""Seconds; the bot promises ten, on a machine that is not busy."""


def copy_program(target: Path) -> Path:
    """Copies the bot's code, so that the developer's `.env` or database is not touched."""
    target.mkdir()
    for file in ROOT.glob("*.py"):
        shutil.copy2(file, target)
    for room in ROOT.iterdir():
        if (room / "__init__.py").is_file() and room.name not in _NOT_THE_BOT:
            shutil.copytree(room, target / room.name)
    return target


@dataclass(frozen=True, slots=True)
class Finished:
    """The result of an operator command or a failed start."""

    code: int
    lines: tuple[str, ...]
    """Of both streams."""

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


class BotProcess:
    """Runs `python bot.py` in another folder, with only the given settings in its environment."""

    def __init__(
        self, program: Path, settings: Mapping[str, str], elsewhere: Path, fork_server: ForkServer | None = None
    ) -> None:
        """Uses the fork server, unless the settings contain variables for Python itself."""
        self.settings = dict(settings)
        self.lines: list[str] = []
        """Everything that was ever printed, by every start and every command."""
        self.program = program
        self._elsewhere = elsewhere
        self._nursery = fork_server
        self._process: asyncio.subprocess.Process | ForkedBot | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *, forked: bool = True) -> None:
        """Starts the process without waiting for it. Without `forked`, it gets a new interpreter."""
        assert not self.running
        self._process = await self._spawn(forked=forked)
        self._reading = asyncio.create_task(self._read(self._process, self.lines))

    async def ended(self, timeout: float = _LONGEST_END) -> int:
        """Waits for the process to end and returns the exit code, negative for a signal."""
        assert self._process is not None
        assert self._reading is not None
        async with asyncio.timeout(timeout):
            code = await self._process.wait()
            await self._reading
        return code

    async def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        return await self.signal(signal.SIGTERM)

    async def kill(self) -> int:
        """Sends SIGKILL, so that the bot can't clean up."""
        return await self.signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Sends SIGTERM and does not wait."""
        assert self._process is not None
        self._process.terminate()

    async def signal_until_ended(self, number: signal.Signals) -> int:
        """Sends a signal again and again until the process ends; returns the exit code."""
        assert self._process is not None
        while self.running:
            with suppress(ProcessLookupError):  # asyncio hears of the end a moment later, and its own way of sending
                os.kill(self.pid, number)  # would take the exit code away from it
            await asyncio.sleep(0.002)
        return await self.ended()

    async def signal(self, number: signal.Signals) -> int:
        """Sends a signal, waits for the process to end and returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return await self.ended()

    async def hears_signals(self) -> None:
        """Waits until the process handles SIGTERM, which its first statement sets up."""
        await until(self._catches_sigterm, what="bot.py handles SIGTERM")

    async def run(
        self, *arguments: str, changed: Mapping[str, str] | None = None, timeout: float = PATIENCE, forked: bool = True
    ) -> Finished:
        """Runs `python bot.py …` to its end. Without `forked`, it gets a new interpreter.

        `changed` replaces settings; an empty value removes one.
        """
        process = await self._spawn(*arguments, changed=changed or {}, forked=forked)
        lines: list[str] = []
        try:
            async with asyncio.timeout(timeout):
                await self._read(process, lines)
                code = await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise TimeoutError(f"bot.py {arguments} goes on; it said {lines}") from None
        finally:
            self.lines.extend(lines)
        return Finished(code, tuple(lines))

    def said(self, pattern: str) -> list[str]:
        """The lines so far in which the regular expression is found."""
        return [line for line in self.lines if re.search(pattern, line)]

    async def _spawn(
        self, *arguments: str, changed: Mapping[str, str] | None = None, forked: bool
    ) -> asyncio.subprocess.Process | ForkedBot:
        given = {**NO_CERTIFICATES, **self.settings, **(changed or {})}
        environ = {name: text for name, text in given.items() if text}
        if forked and self._nursery is not None and not any(name.startswith("PYTHON") for name in environ):
            return await self._nursery.start(arguments, environ, self._elsewhere)
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(self.program / "bot.py"),
            *arguments,
            env=environ,
            cwd=self._elsewhere,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=2**20,
        )

    @staticmethod
    async def _read(process: asyncio.subprocess.Process | ForkedBot, lines: list[str]) -> None:
        assert process.stdout is not None
        async for line in process.stdout:  # each at once: others look at `lines` meanwhile
            lines.append(line.decode(errors="replace").rstrip("\n"))  # noqa: PERF401

    def _catches_sigterm(self) -> bool:
        status = Path(f"/proc/{self.pid}/status").read_text()
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
