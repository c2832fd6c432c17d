"""Runs tests and checks in a copy of the tree."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.mutation import IMPORT_RULES

FAILED = 1
"""The exit code of pytest and lint-imports if a test or rule fails. Any other code but 0 means that nothing was
tried."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a check ended; the code is None if it took too long."""

    code: int | None
    output: str


async def run_check(name: str, tree: Path, seconds: float) -> Ended:
    """Runs one test or check."""
    if name == IMPORT_RULES:
        return await _run([str(Path(sys.executable).with_name("lint-imports"))], tree, seconds)
    return await run_tests([name], tree, seconds)


async def run_tests(names: Sequence[str], tree: Path, seconds: float, *, workers: int = 0) -> Ended:
    """Runs these tests together, in pytest's own process or distributed to `workers` processes."""
    options = ["-q", "-p", "no:cacheprovider", "-n", str(workers), "--dist", "loadfile"]
    return await _run([sys.executable, "-m", "pytest", *options, *names], tree, seconds)


async def _run(command: Sequence[str], tree: Path, seconds: float) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tree,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
        return Ended(process.returncode, output.decode(errors="replace"))
    except TimeoutError:
        return Ended(None, f"goes on after {seconds:.0f} s")
    finally:
        # Also ends a bot that a killed test has left running.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
