"""The settings of the HTTP ports."""

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
def test_ambiguous_addresses_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|has|must) "):
        readers.public_url(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("[::]", "::"), ("::1", "::1"), ("localhost", "localhost")],
)
def test_hosts_to_listen_on(text: str, host: str) -> None:
    assert readers.http_host(text) == host


@pytest.mark.parametrize("text", ["127.0.0.1:80", "http://127.0.0.1", "two hosts", "[localhost", "a/b"])
def test_invalid_hosts(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a host"):
        readers.http_host(text)


def test_each_error_has_its_line() -> None:
    wrong = {
        "HTTP_HOST": "a/b",
        "HTTP_PORT": "0",
        "CALLBACK_HOST": "a b",
        "CALLBACK_PORT": "70000",
        "PUBLIC_URL": "nowhere",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings({"DISCORD_TOKEN": "MTA.abc.def", **wrong}, None, Path("/srv"))
    assert [line.split()[0] for line in caught.value.problems] == list(wrong)


def _problems(**given: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings({"DISCORD_TOKEN": "MTA.abc.def", **given}, None, Path("/srv"))
    return caught.value.problems


def test_an_installation_of_0_1_is_told_what_has_changed_and_what_to_set() -> None:
    (line,) = _problems(HTTP_PORT="8080", PUBLIC_URL="https://relay.example.org")
    assert line.startswith(
        "PUBLIC_URL is set and CALLBACK_PORT is not. Since 0.1 this has changed: HTTP_PORT now serves"
    )
    assert "Set CALLBACK_PORT" in line


def test_a_callback_port_that_the_internet_cannot_reach() -> None:
    (line,) = _problems(CALLBACK_PORT="8081")
    assert line.startswith("PUBLIC_URL is not set and CALLBACK_PORT is; set it to")


@pytest.mark.parametrize("hosts", [{}, {"HTTP_HOST": "127.0.0.2", "CALLBACK_HOST": "127.0.0.3"}])
def test_the_two_ports_must_differ(hosts: dict[str, str]) -> None:
    (line,) = _problems(HTTP_PORT="8080", CALLBACK_PORT="8080", PUBLIC_URL="https://relay.example.org", **hosts)
    assert line.startswith("CALLBACK_PORT is 8080, as HTTP_PORT is; choose another")


@pytest.mark.parametrize("given", [{}, {"HTTP_PORT": "8080"}, {"HTTP_PORT": "8080", "CALLBACK_PORT": ""}])
def test_without_callbacks_nothing_has_to_be_changed(given: dict[str, str]) -> None:
    assert load_settings({"DISCORD_TOKEN": "MTA.abc.def", **given}, None, Path("/srv")).callback_port is None


def test_callbacks_need_no_monitoring_port() -> None:
    given = {"CALLBACK_PORT": "8081", "PUBLIC_URL": "https://relay.example.org/bots"}
    settings = load_settings({"DISCORD_TOKEN": "MTA.abc.def", **given}, None, Path("/srv"))
    assert (settings.callback_host, settings.callback_port, settings.http_port) == ("127.0.0.1", 8081, None)
    assert settings.public_url == "https://relay.example.org/bots"
