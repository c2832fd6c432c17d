"""Downloads never reach private networks."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from relay.media.allowed_hosts import AddressRefused, AllowedHosts, GuardedResolver, is_public
from settings import MediaHost

HOSTS = AllowedHosts(
    [
        MediaHost("cdn.example", None, plain_http=False, wildcard=False),
        MediaHost("cdn.example", 8443, plain_http=False, wildcard=False),
        MediaHost("media.example", None, plain_http=False, wildcard=True),
        MediaHost("127.0.0.1", 9000, plain_http=True, wildcard=False),
        MediaHost("10.0.0.7", None, plain_http=False, wildcard=False),
        MediaHost("xn--e1afmkfd.xn--p1ai", 8443, plain_http=False, wildcard=False),
    ]
)


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example/a.mp4?ex=1&is=2&hm=3&",
        "https://CDN.example/a.mp4",
        "https://cdn.example:8443/a.mp4",
        "https://eu.media.example/a%2Fb.mp4",
        "http://127.0.0.1:9000/a.mp4",
    ],
)
def test_allowed(url: str) -> None:
    assert HOSTS.check(url).path


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("https://cdn.example/a b.mp4", "https://cdn.example/a%20b.mp4"),
        ("https://cdn.example/b\u00f6.mp4?q=\u00e9 \u202e", "https://cdn.example/b%C3%B6.mp4?q=%C3%A9%20%E2%80%AE"),
        ("https://cdn.example/%C3%B6 \udcff", "https://cdn.example/%C3%B6%20%FF"),
        ("https://\uff43dn.example/a", "https://cdn.example/a"),
        (
            "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444:8443/a",
            "https://xn--e1afmkfd.xn--p1ai:8443/a",
        ),
    ],
)
def test_unencoded_text_is_encoded_once(address: str, sent: str) -> None:
    assert str(HOSTS.check(address)) == sent
    assert str(HOSTS.check(sent)) == sent


@pytest.mark.parametrize("address", ["https://cdn.exampl\u0435/a", "https://\uff11\uff10.0.0.7/a", "https://\ud800/a"])
def test_a_host_is_judged_by_its_idna_form(address: str) -> None:
    with pytest.raises(AddressRefused):
        HOSTS.check(address)


def test_path_and_query_stay_unchanged() -> None:
    url = "https://cdn.example/a%2Fb%20c.mp4?ex=1&hm=%41&"
    assert str(HOSTS.check(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/a.mp4",
        "https://cdn.example:444/a.mp4",
        "https://cdn.example.evil.test/a.mp4",
        "https://media.example/a.mp4",
        "https://evilmedia.example/a.mp4",
        "https://user:pass@cdn.example/a.mp4",
        "https://:@cdn.example/a.mp4",
        "https://@cdn.example/a.mp4",
        "https://:@/a.mp4",
        "https://%00.media.example/a.mp4",
        "https://*.media.example/a.mp4",
        "https://eu%2e.media.example/a.mp4",
        "https://-.media.example/a.mp4",
        "https://..media.example/a.mp4",
        "https://eu..media.example/a.mp4",
        "https://eu\u0000.media.example/a.mp4",
        "https://eu .media.example/a.mp4",
        "https://user@cdn.example/a.mp4",
        "https://127.0.0.1:9000/a.mp4",
        "http://127.0.0.1/a.mp4",
        "http://2130706433:9000/a.mp4",
        "http://0x7f000001:9000/a.mp4",
        "http://0177.0.0.1:9000/a.mp4",
        "http://127.1:9000/a.mp4",
        "http://[::ffff:127.0.0.1]:9000/a.mp4",
        "https://10.0.0.7/a.mp4",
        "file:///etc/passwd",
        "ftp://cdn.example/a.mp4",
        "data:video/mp4;base64,AAAA",
        "https://cdn.example/a\r\nHost: evil.mp4",
        "https://cdn.example\\@evil.test/a.mp4",
        "https:///a.mp4",
        "https://cdn.example:99999/a.mp4",
        "//cdn.example/a.mp4",
        "",
    ],
)
def test_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        HOSTS.check(url)


def test_a_redirect_to_an_invalid_port_is_refused() -> None:
    with pytest.raises(AddressRefused):
        HOSTS.check(URL("https://cdn.example/a.mp4").join(URL("https://cdn.example:99999/b.mp4", encoded=True)))


@given(st.text(max_size=80))
def test_any_text_is_either_accepted_or_refused(text: str) -> None:
    try:
        url = HOSTS.check(text)
    except AddressRefused:
        return
    assert (url.host or "").endswith(("cdn.example", "media.example", "127.0.0.1"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "64:ff9b:1::7f00:1",
        "64:ff9b:1::5db8:d822",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "fec0::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "4000::1",
        "ff02::1",
        "not an address",
    ],
)
def test_private_addresses(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_a_disguised_address_is_judged_like_the_address(number: int) -> None:
    plain = ipaddress.IPv4Address(number)
    assert is_public(f"::ffff:{plain}") == is_public(str(plain))


@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_address_outside_the_public_block_is_public(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if is_public(str(address)):
        outside = address not in ipaddress.IPv6Network("2000::/3")
        assert not outside or address.ipv4_mapped or address in ipaddress.IPv6Network("64:ff9b::/96")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::{}", "::ffff:0:{}", "64:ff9b:1::{}", "fec0::{}", "fd00::{}"]))
def test_an_ipv4_address_in_a_private_block_is_never_public(number: int, block: str) -> None:
    assert not is_public(block.format(ipaddress.IPv4Address(number)))


class Names(AbstractResolver):
    """Answers every name with the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        return None


async def test_private_addresses_are_dropped_from_dns_responses() -> None:
    resolver = GuardedResolver(Names("10.0.0.1", "93.184.216.34", "::1"), HOSTS)
    assert [entry["host"] for entry in await resolver.resolve("cdn.example", 443)] == ["93.184.216.34"]


async def test_a_name_with_only_private_addresses_is_refused() -> None:
    resolver = GuardedResolver(Names("127.0.0.1"), HOSTS)
    with pytest.raises(AddressRefused):
        await resolver.resolve("cdn.example", 443)


async def test_a_trusted_host_may_be_private() -> None:
    resolver = GuardedResolver(
        Names("127.0.0.1"), AllowedHosts([MediaHost("box", 80, plain_http=True, wildcard=False)])
    )
    assert await resolver.resolve("box", 80)
