"""Runs a demo or script, handles signals and returns the exit code."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Callable, Coroutine, Sequence
from signal import Signals

from sandbox.bot_process import BotFailure
from sandbox.demo_setup import NoPort
from sandbox.panel import PortTaken
from sandbox.postgres import NoPostgres

DONE, FAILED = 0, 1


def play(performance: Callable[[], Coroutine[object, object, int]], signals: Sequence[Signals]) -> int:
    """Runs it and returns its exit code, 0 after a signal, or 1 with the reason printed if it couldn't run."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a pipe would get everything only at the end
    logging.basicConfig(level=logging.ERROR, format="sandbox: %(message)s")
    try:
        return asyncio.run(_until_told_to_stop(performance(), signals))
    except (NoPort, NoPostgres, PortTaken) as problem:
        print(problem, file=sys.stderr)
    except BotFailure as problem:
        print(problem, "It said:", *problem.last_log_lines, sep="\n  ", file=sys.stderr)
    return FAILED


async def _until_told_to_stop(work: Coroutine[object, object, int], signals: Sequence[Signals]) -> int:
    task = asyncio.ensure_future(work)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:  # a second signal must not interrupt the cleanup
            stopped = True
            task.cancel()

    for number in signals:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not stopped:
            raise
        return DONE
