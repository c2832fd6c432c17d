"""Free ports for the processes that the sandbox and the tests start."""

from __future__ import annotations

import secrets
import socket

_BELOW_EPHEMERAL = range(12_000, 30_000)
"""Systems take the ports of outgoing connections from above: one of those may be taken before anybody listens there."""


def free_port() -> int:
    """A port of 127.0.0.1 at which nobody listens, and that no outgoing connection takes meanwhile."""
    while True:
        number = secrets.choice(_BELOW_EPHEMERAL)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
