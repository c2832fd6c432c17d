"""The image's HEALTHCHECK: exits with 0 if `GET /healthz` responds with 200, otherwise with 1, and prints the response.

With `--loops` it exits with 1 only if the bot does not respond or one of its loops has hung, which a restart fixes. If
HTTP_PORT is blank, the bot has no port to check and counts as healthy while it runs.
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
    """Checks the bot that runs in the same container; returns the exit code."""
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
