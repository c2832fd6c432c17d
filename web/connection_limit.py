"""How many connections a port has open at once, and which one goes when another comes."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Protocol

MAX_CONNECTIONS = 200
"""For each port; far below what a process may have open (often 1,024), so that Discord and the API are reached during
a flood."""


class Connection(Protocol):
    """What the limit has to know of a connection."""

    @property
    def is_busy(self) -> bool:
        """Whether its request is whole and its response is being made."""

    def abort(self) -> None:
        """Ends it at once."""

    async def end(self, seconds: float) -> None:
        """Ends it, and lets a response that is being made be sent within this time."""


class ConnectionLimit:
    """Holds at most `max_connections`; a newcomer on top of them takes the place of one that waits for its client.

    The place is taken from the network address that holds most places, so that one address never shuts out another.
    Behind a proxy all clients have one address; then the connection goes that has waited for longest. An honest client
    sends its request at once, so it is served before hundreds of newer connections have come.
    """

    def __init__(self, max_connections: int = MAX_CONNECTIONS) -> None:
        self._max_connections = max_connections
        self._networks: dict[Connection, str] = {}
        """The open connections, oldest first."""

    def admit(self, connection: Connection, address: str) -> bool:
        """Takes a new connection, or returns False where all places are in use by requests that are being answered."""
        if len(self._networks) >= self._max_connections and not self._make_room():
            return False
        self._networks[connection] = network_of(address)
        return True

    def release(self, connection: Connection) -> None:
        """Frees the place of a connection that has ended."""
        self._networks.pop(connection, None)

    def open_connections(self) -> list[Connection]:
        """The connections that are open now."""
        return list(self._networks)

    def _make_room(self) -> bool:
        waiting = {connection: network for connection, network in self._networks.items() if not connection.is_busy}
        if not waiting:
            return False
        ((greediest, _),) = Counter(waiting.values()).most_common(1)
        oldest = next(connection for connection, network in waiting.items() if network == greediest)
        self.release(oldest)
        oldest.abort()
        return True


def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network of an IPv6 address, which one client can own."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.IPv6Network((ip, 64), strict=False))
