"""Forked bots that can be used like subprocesses of this process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_SCRIPT = Path(__file__).with_name("fork_server.py")
_LONGEST_LINE = 2**20
_SECONDS_TO_LEAVE = 10.0


class ForkedBot:
    """The part of asyncio.subprocess.Process that the tests need."""

    def __init__(self, pid: int, output: asyncio.StreamReader, report: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = output
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._hear_of_end(report))

    async def wait(self) -> int:
        """The exit code; negative for a signal."""
        return await asyncio.shield(self._end)

    def send_signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless the process has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _hear_of_end(self, report: asyncio.StreamReader) -> int:
        self.returncode = int(await report.readline())
        await report.read()  # to its end, so that the pipe is closed
        return self.returncode


class ForkServer:
    """The process that forks the bots of one pytest worker; see fork_server.py."""

    def __init__(self, program: Path, environ: Mapping[str, str]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_SCRIPT), str(program), str(theirs.fileno())],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    async def start(self, arguments: Sequence[str], environ: Mapping[str, str], folder: Path) -> ForkedBot:
        """Forks a bot with these command-line arguments, this whole environment and this working folder.

        Raises RuntimeError if the fork server has ended, e.g. because the bot can't be imported.
        """
        order = {"arguments": list(arguments), "environ": dict(environ), "folder": str(folder)}
        output, bots_output = os.pipe()
        report, keepers_report = os.pipe()
        socket.send_fds(self._orders, [json.dumps(order).encode()], [bots_output, keepers_report])
        os.close(bots_output)
        os.close(keepers_report)
        told = await _reader(report)
        line = await told.readline()
        if not line:
            raise RuntimeError("the fork server has ended; its last words are on standard error")
        return ForkedBot(int(line), await _reader(output), told)

    def close(self) -> None:
        """Ends the server. All bots must have ended."""
        self._orders.close()
        self._process.wait(_SECONDS_TO_LEAVE)


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
    )
    return reader
