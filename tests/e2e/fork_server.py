"""`python fork_server.py PROGRAM DESCRIPTOR`: has the bot's imports done once, and forks bots when asked.

Imports are most of a start's work, and the end-to-end tests start the bot more than a hundred times. A forked bot runs
`bot.py` from its first statement, as `__main__`, with an environment, a folder and arguments of its own; signals, kills
and exit codes are those of any process. What Python itself does before that statement is not played, nor does a bot
start while modules are being imported: tests of that start `python bot.py` in earnest (`forked=False`).

Orders come as JSON over a socket that keeps messages apart, each with two descriptors: for the bot's output, and for
the report, which is a line with the bot's process id and, when it has ended, a line with its exit code.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import sys
from pathlib import Path
from typing import Any

_MOST_BYTES = 2**16


def main() -> None:
    program, orders = Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))
    sys.path[0] = str(program)
    importlib.import_module("cli")
    gc.freeze()  # a collection would write to pages that all bots share
    order = _order_of_this_bot(orders)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    sys.argv = [str(program / "bot.py"), *order["arguments"]]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _order_of_this_bot(orders: socket.socket) -> dict[str, Any]:
    """Stays here for as long as there are orders; only a bot, which is a fork, comes back with its own."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(orders, _MOST_BYTES, maxfds=2)
        if not message:
            _leave()
        if os.fork() == 0:
            orders.close()
            _become_a_bot(*descriptors)
            return dict(json.loads(message))
        for descriptor in descriptors:
            os.close(descriptor)


def _become_a_bot(output: int, report: int) -> None:
    """Comes back in the bot. Its parent stays here until the bot ends, to tell of it."""
    bot = os.fork()
    if bot == 0:
        os.close(report)
        os.dup2(output, sys.stdout.fileno())
        os.dup2(output, sys.stderr.fileno())
        os.close(output)
        return
    os.close(output)
    os.write(report, f"{bot}\n".encode())
    _, status = os.waitpid(bot, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _leave() -> None:
    """Waits for those that wait for bots, so that whoever measures the tests' work sees the bots' in it."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            sys.exit()


if __name__ == "__main__":
    main()
