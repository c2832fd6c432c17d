"""`python tied_postgres.py USER POSTGRES ARGUMENTS…`: runs that server, and ends it when the parent process ends.

Standard input is a pipe from the parent. It closes when the parent ends, even if the parent was killed. The server runs
as USER, because it refuses to run as root; empty: the current user.
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
    server.send_signal(signal.SIGINT)  # a fast, clean shutdown that closes all connections


if __name__ == "__main__":
    raise SystemExit(main())
