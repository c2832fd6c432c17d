"""Checks the addresses of downloads: only named hosts are allowed, and never a private network."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from pixverse.fields import percent_encoded
from settings import MediaHost
from settings.readers import is_host

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
"""The whole public IPv6 internet (IANA). What Python knows about other ranges depends on its version."""
_DOCUMENTATION = ipaddress.IPv6Network("3fff::/20")
_DEFAULT_PORTS = {"https": 443, "http": 80}


class AddressRefused(Exception):
    """The address may not be fetched. `host` is the host that the operator would have to allow."""

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} is not an allowed media host")
        self.host = host


class AllowedHosts:
    """The hosts in the operator's `MEDIA_HOSTS`."""

    def __init__(self, hosts: Sequence[MediaHost]) -> None:
        self._hosts = tuple(hosts)

    def check(self, address: str | URL) -> URL:
        """The address as a URL to be requested, with its path and query unchanged. Raises AddressRefused."""
        try:
            text = percent_encoded(str(address))  # yarl may parse the port of a redirect only here, and raise.
            url = URL(text, encoded=True)
            host, port = (url.raw_host or "").lower(), url.port
        except ValueError as error:
            raise AddressRefused("(unreadable address)") from error
        # yarl ignores an empty user, as in `:@`.
        if url.scheme not in _DEFAULT_PORTS or not host or port is None or "@" in urlsplit(text).netloc:
            raise AddressRefused(host or "(no host)")
        if not is_host(host):
            raise AddressRefused("(unreadable address)")
        if not any(_matches(entry, url.scheme, host, port) for entry in self._hosts):
            raise AddressRefused(host)
        if not self.is_trusted(host, port) and _is_numeric(host) and not is_public(host):
            raise AddressRefused(host)
        return url

    def is_trusted(self, host: str, port: int) -> bool:
        """Whether the operator named this host with `http://`. Only such hosts may have private addresses."""
        return any(entry.plain_http and _matches(entry, "http", host.lower(), port) for entry in self._hosts)


def _matches(entry: MediaHost, scheme: str, host: str, port: int) -> bool:
    if entry.plain_http != (scheme == "http"):
        return False
    if port != (entry.port or _DEFAULT_PORTS[scheme]):
        return False
    if entry.wildcard:
        return host.endswith("." + entry.host)
    return host == entry.host


def _is_numeric(host: str) -> bool:
    """Whether a resolver could read this host as an IP address: dotted, decimal, octal, hexadecimal or IPv6."""
    last = host.rstrip(".").rsplit(".", 1)[-1]
    return ":" in host or last.isdigit() or last.startswith("0x")


def is_public(address: str) -> bool:
    """Whether this is a canonical IP address of the public internet."""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GIVEN_OUT or ip in _DOCUMENTATION:
            return False
    return ip.is_global and not ip.is_multicast


class GuardedResolver(AbstractResolver):
    """Resolves names when connecting and drops every private address, which defeats DNS rebinding. A trusted host keeps
    all of its addresses.

    `resolve` raises AddressRefused if no address is left, and OSError for a name that cannot be resolved.
    """

    def __init__(self, resolver: AbstractResolver, hosts: AllowedHosts) -> None:
        self._resolver = resolver
        self._hosts = hosts

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._hosts.is_trusted(host, port):
            return found
        public = [entry for entry in found if is_public(entry["host"])]
        if not public:
            raise AddressRefused(host)
        return public

    async def close(self) -> None:
        await self._resolver.close()
