"""`python tied_postgres.py USER POSTGRES ARGUMENTS…`: runs that server, and ends it with whoever started this.

Standard input is a pipe that nobody writes to: it ends when the other process does, however that was killed. USER is
whose process the server becomes, since it refuses to run as root; empty: the same user's.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> int:
    """Becomes the server's parent and returns its exit code."""
    user = sys.argv[1] or None
    with subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, user=user, cwd="/") as server:  # noqa: S603
        threading.Thread(target=_end_with_the_other, args=[server], daemon=True).start()
        return server.wait()


def _end_with_the_other(server: subprocess.Popen[bytes]) -> None:
    os.read(0, 1)
    server.send_signal(signal.SIGINT)  # with every connection, and in order


if __name__ == "__main__":
    raise SystemExit(main())
