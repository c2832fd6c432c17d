"""Notifies systemd that the bot has started, that its loops turn, and that it stops.

The protocol is that of sd_notify(3): a datagram to the socket whose path is in NOTIFY_SOCKET.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Mapping

from relay.ports import Sleep

log = logging.getLogger(__name__)

_PINGS_IN_TIME = 3
"""Pings within systemd's time limit; sd_watchdog_enabled(3) recommends at least two."""


class ServiceManager:
    """The service manager that started the bot. Without one, the methods do nothing."""

    def __init__(self, address: str | None, watchdog_seconds: float | None) -> None:
        self._address = address
        self._watchdog_seconds = watchdog_seconds

    @classmethod
    def of_environment(cls, environ: Mapping[str, str]) -> ServiceManager:
        """The service manager that started this process."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")) or not hasattr(socket, "AF_UNIX"):
            return cls(None, None)
        return cls(address, _watchdog_seconds(environ))

    def ready(self) -> None:
        """Reports that the bot has started: settings and database are usable, and it runs whether Discord is up or
        not."""
        self._tell("READY=1")

    def stopping(self) -> None:
        """Reports that the bot has begun to stop."""
        self._tell("STOPPING=1")

    async def watch(self, stalled: Callable[[], list[str]], sleep: Sleep) -> None:
        """Reports that the loops turn, until it is cancelled. While a loop has stalled, it reports nothing, so that
        systemd restarts the bot."""
        if self._watchdog_seconds is None:
            return
        while True:
            names = stalled()
            if names:
                log.error("systemd is not told that all is well: these loops have stalled: %s", ", ".join(names))
            else:
                self._tell("WATCHDOG=1")
            await sleep(self._watchdog_seconds / _PINGS_IN_TIME)

    def _tell(self, state: str) -> None:
        if self._address is None:
            return
        path = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)
                channel.sendto(state.encode(), path)
        except OSError as error:
            log.warning("systemd cannot be told %s: %s", state, error)


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Seconds within which systemd expects a ping from this process; None if it expects none."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    meant = environ.get("WATCHDOG_PID", str(os.getpid()))
    if not microseconds.isdecimal() or int(microseconds) == 0 or meant != str(os.getpid()):
        return None
    return int(microseconds) / 1_000_000
