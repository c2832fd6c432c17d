"""Bounds how many connections a port has open at once, and chooses which one is closed for a newcomer."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import suppress
from typing import Protocol

if sys.platform != "win32":
    import resource

_FILES_WANTED = 4096


class OpenConnection(Protocol):
    """What the limit has to know of a connection."""

    @property
    def is_busy(self) -> bool:
        """Whether its request is whole and its response is being made."""

    def abort(self) -> None:
        """Ends it at once."""

    async def end(self, seconds: float) -> None:
        """Ends it, and lets a response that is being made be sent within this time."""


class ConnectionLimiter:
    """Holds at most `max_connections`; a newcomer on top of them takes the place of one that waits for its client.

    The place is taken from the network address that holds most places, so that one address never shuts out another.
    Behind a proxy all clients have one address; then the connection goes that has waited for longest. An honest client
    sends its request at once, so it is served before so many newer connections have come.
    """

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._networks: dict[OpenConnection, str] = {}
        self._connections: dict[str, dict[OpenConnection, None]] = {}
        """The connections of each network, oldest first."""

    def admit(self, connection: OpenConnection, address: str) -> bool:
        """Takes a new connection, or returns False where all places are in use by requests that are being answered."""
        if len(self._networks) >= self._max_connections and not self._make_room():
            return False
        network = network_of(address)
        self._networks[connection] = network
        self._connections.setdefault(network, {})[connection] = None
        return True

    def release(self, connection: OpenConnection) -> None:
        """Frees the place of a connection that has ended."""
        network = self._networks.pop(connection, None)
        if network is None:
            return
        del self._connections[network][connection]
        if not self._connections[network]:
            del self._connections[network]

    def open_connections(self) -> list[OpenConnection]:
        """The connections that are open now."""
        return list(self._networks)

    def _make_room(self) -> bool:
        for connections in sorted(self._connections.values(), key=len, reverse=True):
            for connection in connections:
                if not connection.is_busy:
                    self.release(connection)
                    connection.abort()
                    return True
        return False


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 address, which one client can own."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))


def room_for(wanted: int) -> int:
    """How many of the wanted connections may be open: they take at most half of the files that this process may open.

    The other half is for Discord, the API and the database. Where the process may raise its own limit, it does.
    """
    if sys.platform == "win32":
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _fewer(_FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        with suppress(OSError, ValueError):  # A sandbox may forbid it.
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
            soft = files
    return min(wanted, _fewer(_FILES_WANTED, soft) // 2)


def _fewer(wanted: int, limit: int) -> int:
    return wanted if limit == resource.RLIM_INFINITY else min(wanted, limit)
