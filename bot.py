"""PixVerse Relay. `python bot.py` runs the bot; `python bot.py --help` names the commands for its operator.

Signals are handled from the first statement on: everything slow is imported later.
"""

import os
import signal
from types import FrameType


def leave_at_once(_signal: int, _frame: FrameType | None) -> None:
    """Ends the process. Nothing is open yet that would have to be closed."""
    os._exit(0)


for _signal in (signal.SIGINT, signal.SIGTERM):
    signal.signal(_signal, leave_at_once)


def main() -> int:
    """Runs what the command line asks for and returns the exit code; see docs/watching.md, "Exit codes"."""
    import sys
    from pathlib import Path

    from cli import run

    code = run(sys.argv[1:], dict(os.environ), Path(__file__).resolve().parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the interpreter restores the default handlers at its end, which kill
    return code


if __name__ == "__main__":
    raise SystemExit(main())
