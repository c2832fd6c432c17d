"""Free ports for the processes that the sandbox and the tests start."""

from __future__ import annotations

import secrets
import socket

_BELOW_EPHEMERAL = range(12_000, 30_000)
"""Outgoing connections take ports above this range; such a port may be in use before a process listens on it."""


def free_port() -> int:
    """Returns a free port of 127.0.0.1 below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    while True:
        number = secrets.choice(_BELOW_EPHEMERAL)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", number))
            except OSError:
                continue
            return number
