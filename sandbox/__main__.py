"""`python -m sandbox`: the bot against a simulated Discord and PixVerse on this machine.

Signal handlers are installed first. Slow modules are imported only after that.
"""

import os
import signal
from types import FrameType


def leave_at_once(_signal: int, _frame: FrameType | None) -> None:
    """Ends the process before anything was started."""
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
    parser.add_argument("--cluster", action="store_true", help="three processes that share a PostgreSQL")
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument("--keep", action="store_true", help="leave the bot's files where they are at the end")
    parser.add_argument("--port", type=int, default=0, help="where the page listens; any free port if not given")
    options = parser.parse_args()
    if options.script and options.cluster:
        parser.error("--script plays with one process; leave --cluster out")
    if not 0 <= options.port <= 65535:
        parser.error("a port is a number from 0 to 65535")

    from sandbox.demo import DemoOptions, show_page
    from sandbox.playing import play
    from sandbox.script import play_script

    if options.script:
        return play(play_script, SIGNALS)
    demo = DemoOptions(opens_browser=options.open, cluster=options.cluster, keeps_files=options.keep, port=options.port)
    return play(lambda: show_page(demo), SIGNALS)


if __name__ == "__main__":
    raise SystemExit(main())
