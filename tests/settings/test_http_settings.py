"""The settings of the HTTP port."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import SettingsError, load_settings, readers


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://relay.example.org", "https://relay.example.org"),
        ("https://relay.example.org/", "https://relay.example.org"),
        ("http://relay.example.org:8443/bots/relay-1/", "http://relay.example.org:8443/bots/relay-1"),
    ],
)
def test_public_urls(text: str, url: str) -> None:
    assert readers.public_url(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "relay.example.org",
        "ftp://relay.example.org",
        "https://user@relay.example.org",
        "https://relay.example.org/?a=1",
        "https://relay.example.org/../admin",
        "https://relay.example.org/.",
        "https://relay.example.org/a//b",
        "https://relay.example.org/%2e%2e",
        "https://relay.example.org/{secret}",
        "https://relay.example.org/a;b",
    ],
)
def test_addresses_that_would_be_read_differently_elsewhere_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|must) "):
        readers.public_url(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("[::]", "::"), ("::1", "::1"), ("localhost", "localhost")],
)
def test_hosts_to_listen_at(text: str, host: str) -> None:
    assert readers.http_host(text) == host


@pytest.mark.parametrize("text", ["127.0.0.1:80", "http://127.0.0.1", "two hosts", "[localhost", "a/b"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is no host"):
        readers.http_host(text)


def test_each_fault_has_its_line() -> None:
    wrong = {"HTTP_HOST": "a/b", "HTTP_PORT": "0", "PUBLIC_URL": "nowhere"}
    with pytest.raises(SettingsError) as caught:
        load_settings({"DISCORD_TOKEN": "MTA.abc.def", **wrong}, None, Path("/srv"))
    assert [line.split()[0] for line in caught.value.problems] == list(wrong)
