"""`python -m sandbox`: the bot between a Discord and a PixVerse of this machine's own.

A signal is heard from the first statement on: everything slow is imported later.
"""

import os
import signal
from types import FrameType


def leave_at_once(_signal: int, _frame: FrameType | None) -> None:
    """Ends the process; nothing was started yet."""
    os._exit(0)


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
for _signal in SIGNALS:
    signal.signal(_signal, leave_at_once)


def main() -> int:
    """Plays the demo and returns the exit code."""
    import argparse

    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--script", action="store_true", help="play the main path through without a browser, and check that it is right"
    )
    options = parser.parse_args()

    from sandbox.demo import show_page
    from sandbox.playing import play
    from sandbox.script import play_script

    return play(play_script if options.script else show_page, SIGNALS)


if __name__ == "__main__":
    raise SystemExit(main())
