"""`python tied_bot.py BOT`: runs that `bot.py`, and ends it when the parent process ends.

Standard input is a pipe from the parent. It closes when the parent ends, even if the parent was killed.
"""

import os
import runpy
import signal
import sys
import threading
import time
from pathlib import Path

_SECONDS_TO_LEAVE = 12.0
"""The bot promises to end within ten seconds."""


def main() -> None:
    """Becomes the bot."""
    threading.Thread(target=_end_with_the_other, daemon=True).start()
    del sys.argv[0]
    sys.path[0] = str(Path(sys.argv[0]).parent)
    runpy.run_path(sys.argv[0], run_name="__main__")


def _end_with_the_other() -> None:
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_LEAVE)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
