"""`python fork_server.py PROGRAM DESCRIPTOR`: imports the bot's modules once, and forks bots on request.

Imports take most of a start's time, and the end-to-end tests start the bot more than a hundred times. A forked bot runs
`bot.py` from its first statement, as `__main__`, with its own environment, folder and arguments; signals, kills and
exit codes work as in any process. Python's own startup and the imports are skipped; tests of those start
`python bot.py` (`forked=False`).

Orders are JSON messages on a packet socket. Each carries two descriptors: one for the bot's output, and one for the
report, which is a line with the bot's process id and, after it has ended, a line with its exit code.
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
    gc.freeze()  # garbage collection would write to shared pages
    order = _order_of_this_bot(orders)
    os.environ.clear()
    os.environ.update(order["environ"])
    os.chdir(order["folder"])
    sys.argv = [str(program / "bot.py"), *order["arguments"]]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _order_of_this_bot(orders: socket.socket) -> dict[str, Any]:
    """Serves orders until there are no more. Returns only in a forked bot, with that bot's order."""
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
    """Returns in the bot. Its parent waits here until the bot ends, and reports that."""
    bot = os.fork()
    if bot == 0:
        os.close(report)
        os.dup2(output, sys.stdout.fileno())
        os.dup2(output, sys.stderr.fileno())
        os.close(output)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the old one takes the pipe for a file
        return
    os.close(output)
    os.write(report, f"{bot}\n".encode())
    _, status = os.waitpid(bot, 0)
    os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _leave() -> None:
    """Waits for the bots' parents, so that the bots' CPU time counts towards the tests'."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            sys.exit()


if __name__ == "__main__":
    main()
