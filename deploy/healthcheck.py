"""The image's HEALTHCHECK: ends with 0 where `GET /healthz` answers 200, with 1 otherwise, and prints the answer.

With `--loops` it ends with 1 only where the bot does not answer or one of its loops has hung: what a restart mends.
With HTTP_PORT blank the bot serves nothing that could be asked, and counts as healthy while it runs.
"""

from __future__ import annotations

import http.client
import json
import os
import sys

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "[::]": "::1"}  # noqa: S104 - compared with, not listened at
_SECONDS = 9.0
_HUNG_AFTER = 120.0
"""Seconds, as in web/health.py."""


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
        body = answer.read().decode()
    except OSError as error:
        print(error)
        return 1
    print(body)
    if "--loops" in sys.argv[1:]:
        return int(any(age > _HUNG_AFTER for age in json.loads(body)["seconds_since_loops_turned"].values()))
    return 0 if answer.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
