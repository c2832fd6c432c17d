"""The image's HEALTHCHECK: ends with 0 where `GET /healthz` answers 200, with 1 otherwise, and prints the answer.

With HTTP_PORT blank the bot serves nothing that could be asked, and counts as healthy while it runs.
"""

from __future__ import annotations

import http.client
import os
import sys

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - compared with, not listened at
_SECONDS = 9.0


def main() -> int:
    """Asks the bot that runs in the same container."""
    port = os.environ.get("HTTP_PORT", "").strip()
    if not port:
        return 0
    host = os.environ.get("HTTP_HOST", "").strip() or "127.0.0.1"
    connection = http.client.HTTPConnection(_EVERYWHERE.get(host, host.strip("[]")), int(port), timeout=_SECONDS)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        print(answer.read().decode())
    except OSError as error:
        print(error)
        return 1
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
