"""Limits how many connections a port has open at once, and chooses which one is closed for a new one."""

from __future__ import annotations

import ipaddress
import sys
from contextlib import suppress
from typing import Protocol

if sys.platform != "win32":
    import resource

_FILES_WANTED = 4096


class OpenConnection(Protocol):
    """What the limiter needs to know about a connection."""

    @property
    def is_busy(self) -> bool:
        """Whether its request is complete and its response is being made."""

    def abort(self) -> None:
        """Closes the connection at once."""

    async def end(self, seconds: float) -> None:
        """Closes the connection. A response in progress may still be sent within `seconds`."""


class ConnectionLimiter:
    """Allows at most `max_connections`. Beyond that, a new connection replaces one that waits for its client.

    A connection of the network address with the most connections is closed, so one address never shuts out another.
    Behind a proxy all clients have the same address; then the longest waiting connection is closed. An honest client
    sends its request at once, so it is served before that many new connections have arrived.
    """

    def __init__(self, max_connections: int) -> None:
        self._max_connections = max_connections
        self._networks: dict[OpenConnection, str] = {}
        self._connections: dict[str, dict[OpenConnection, None]] = {}
        """The connections of each network, oldest first."""

    def admit(self, connection: OpenConnection, address: str) -> bool:
        """Admits a new connection. Returns False if all others are busy making a response."""
        if len(self._networks) >= self._max_connections and not self._make_room():
            return False
        network = network_of(address)
        self._networks[connection] = network
        self._connections.setdefault(network, {})[connection] = None
        return True

    def release(self, connection: OpenConnection) -> None:
        """Frees the place of a connection that was closed."""
        network = self._networks.pop(connection, None)
        if network is None:
            return
        del self._connections[network][connection]
        if not self._connections[network]:
            del self._connections[network]

    def open_connections(self) -> list[OpenConnection]:
        """The open connections."""
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
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 address, which a client can own."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))


def room_for(wanted: int) -> int:
    """How many of the wanted connections may be open, so that they use at most half of the process's open files.

    The other half is for Discord, the API and the database. If the process may raise its own limit, it does.
    """
    if sys.platform == "win32":
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _files_within(hard)
    if soft != resource.RLIM_INFINITY and soft < files:
        with suppress(OSError, ValueError):  # A sandbox may forbid it.
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
            soft = files
    return min(wanted, _files_within(soft) // 2)


def _files_within(limit: int) -> int:
    return _FILES_WANTED if limit == resource.RLIM_INFINITY else min(_FILES_WANTED, limit)
