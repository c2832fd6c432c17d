"""What a setting's text means, and which texts are refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from settings import MediaHost, PostgresUrl, readers

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
PORTS = st.integers(1, 65_535)
READERS: list[Callable[[str], object]] = [
    readers.header_secret,
    readers.api_url,
    readers.media_hosts,
    readers.guild_ids,
    readers.database,
    readers.encryption_keys,
    readers.poll_interval_ms,
    readers.job_max_age_ms,
    readers.media_max_bytes,
    readers.log_level,
    readers.log_format,
]


@given(reader=st.sampled_from(READERS), text=st.text(min_size=1))
def test_any_text_is_read_or_refused(reader: Callable[[str], object], text: str) -> None:
    try:
        reader(text)
    except ValueError as error:
        assert type(error) is ValueError
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    "text", ["abc.def", " abc.def ", "Bot abc.def", "bot   abc.def", '"abc.def"', "Bearer abc.def"]
)
def test_characters_added_by_copying_are_removed_from_a_token(text: str) -> None:
    assert readers.header_secret(text) == "abc.def"


@pytest.mark.parametrize("text", ["abc def", "abc\ndef", "abc\u200bdef", "''", "ab\u00e9", "abc bot def"])
def test_a_token_with_other_characters_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="copy the token again"):
        readers.header_secret(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://discord.com/api/v10", "https://discord.com/api/v10"),
        ("https://host/", "https://host"),
        ("http://127.0.0.1:8080//", "http://127.0.0.1:8080"),
        ("http://[::1]:8080/api", "http://[::1]:8080/api"),
        ("http://sandbox_1:80", "http://sandbox_1:80"),
    ],
)
def test_api_urls(text: str, url: str) -> None:
    assert readers.api_url(text) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("host", "not a web address"),
        ("ftp://host", "not a web address"),
        ("https://", "not a web address"),
        ("https://host:port", "not a web address"),
        ("https://host:0", "not a web address"),
        ("https://host:99999", "not a web address"),
        ("https://api.useapi.net..", "not a web address"),
        ("https://%61pi.useapi.net", "not a web address"),
        ("https://\uff41pi.useapi.net", "not a web address"),
        ("http://[::1", "not a web address"),
        ("http://[::1]x", "not a web address"),
        ("http://[::1]8080/api", "not a web address"),
        ("http://host:", "not a web address"),
        ("https://user:word@host", "user name or password"),
        ("https://token@host", "user name or password"),
        ("https://host?key=1", "query"),
        ("https://host/#top", "fragment"),
        ("https://host/?", "query"),
        ("https://host/a b", "characters that no web address has"),
        ("https://host/\u00e9", "characters that no web address has"),
        ("https://host\\@other", "user name or password"),
    ],
)
def test_urls_that_would_lead_elsewhere_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        readers.api_url(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("cdn.example.org", MediaHost("cdn.example.org")),
        ("CDN.Example.org.", MediaHost("cdn.example.org")),
        ("cdn.example.org:8443", MediaHost("cdn.example.org", 8443)),
        ("*.example.org", MediaHost("example.org", wildcard=True)),
        ("*.example.org:8443", MediaHost("example.org", 8443, wildcard=True)),
        ("http://127.0.0.1:9000", MediaHost("127.0.0.1", 9000, plain_http=True)),
        ("http://localhost", MediaHost("localhost", plain_http=True)),
        ("http://localhost/", MediaHost("localhost", plain_http=True)),
        ("http://[::1]:9000", MediaHost("::1", 9000, plain_http=True)),
        ("http://[0:0:0::1]", MediaHost("::1", plain_http=True)),
    ],
)
def test_media_hosts(text: str, host: MediaHost) -> None:
    assert readers.media_hosts(text) == (host,)


@pytest.mark.parametrize(
    "text",
    [",", "https://host", "http://*.host", "*", "*.", "a*.host", "host/path", "host:0", "host:65536", "host:x",
     "user@host", "::1", "[::1", "[zz]", "http://", "-host", "ho\u00dft", "a..b", "http://host/path", "*.[::1]"],
)  # fmt: skip
def test_invalid_media_hosts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|names no host"):
        readers.media_hosts(f"good.example.org, {text}" if text != "," else text)


@given(
    hosts=st.lists(
        st.one_of(
            st.builds(MediaHost, HOSTS, st.none() | PORTS, st.booleans(), st.just(False)),
            st.builds(MediaHost, HOSTS, st.none() | PORTS, st.just(False), st.just(True)),
            st.builds(MediaHost, st.ip_addresses(v=6).map(str), PORTS, st.booleans(), st.just(False)),
        ),
        min_size=1,
        unique=True,
    ),
    between=st.sampled_from([",", ", ", " ", "\n"]),
)
def test_media_hosts_are_normalised(hosts: list[MediaHost], between: str) -> None:
    assert readers.media_hosts(between.join(map(str, hosts))) == tuple(hosts)


def test_guild_ids() -> None:
    assert readers.guild_ids("123456789012345678, 1234567890123456789\n123456789012345678") == (
        123456789012345678,
        1234567890123456789,
    )
    # A template with empty variables must not open the bot to every server.
    for text in (",", ", ,", "0", "1e17", "-123456789012345678", "\u0661" * 18, "123456789012345678;1"):
        with pytest.raises(ValueError, match="Copy Server ID"):
            readers.guild_ids(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("sqlite:///a b/c.db", "a b/c.db"), ("SQLite:////abs/c.db", "/abs/c.db"), ("sqlite:///é.db", "é.db")],
)
def test_database_paths(text: str, path: str) -> None:
    assert readers.database(text) == Path(path)


@pytest.mark.parametrize(
    "text",
    ["relay.db", "sqlite://relay.db", "sqlite:///", "sqlite:////", "sqlite:///data/", "sqlite:///:memory:",
     "sqlite:///a.db?mode=ro", "sqlite:///a\x00.db", "mysql:///a.db"],
)  # fmt: skip
def test_invalid_database_files_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sqlite:///data/relay\.db"):
        readers.database(text)


def test_encryption_keys_keep_their_order() -> None:
    new, old = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert [key.get_secret_value() for key in readers.encryption_keys(f"{new}, {old},")] == [new, old]


@given(st.text(max_size=50).filter(lambda text: not text.isspace()))
def test_invalid_fernet_keys_are_refused(text: str) -> None:
    good = Fernet.generate_key().decode()
    for bad in (f"{good[:20]}!{good[20:]}", good[:-1], good + "=", f"{good},{text}x"):
        with pytest.raises(ValueError, match="Fernet"):
            readers.encryption_keys(bad)


def test_a_malformed_key_is_named_by_its_position() -> None:
    with pytest.raises(ValueError, match="key 2 of 2"):
        readers.encryption_keys(f"{Fernet.generate_key().decode()},short")


@given(st.decimals(min_value=Decimal("0.001"), max_value=86_400, places=3))
def test_seconds_become_milliseconds(seconds: Decimal) -> None:
    assert readers.poll_interval_ms(f"{seconds:f}") == int(seconds * 1000)


def test_hours_become_milliseconds() -> None:
    assert readers.job_max_age_ms("1.5") == 5_400_000
    assert readers.job_max_age_ms(".5") == 1_800_000


def test_the_shortest_interval_is_not_zero() -> None:
    assert readers.poll_interval_ms("0.0001") == 1


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "1e3", "2,5", "0x10", "1_0", "\u0663", "20s", "-1", "0", "0.0", "86400.1", "9" * 400]
)
def test_invalid_intervals_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(is not a number|is [0-9.]+; it must be above 0)"):
        readers.poll_interval_ms(text)


@pytest.mark.parametrize("text", ["0", "-1", "1.0", "11", "\u0663", "1_0", "9" * 5000, "ten"])
def test_counts_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="from 1 to 10"):
        readers.whole(text, 10)


def test_mebibytes_become_bytes() -> None:
    assert readers.media_max_bytes("2") == 2_097_152


def test_levels_and_formats_in_any_case() -> None:
    assert readers.log_level("debug") == "DEBUG"
    assert readers.log_format("JSON") == "json"
    with pytest.raises(ValueError, match="DEBUG, INFO, WARNING, ERROR, CRITICAL"):
        readers.log_level("trace")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://relay:secret@localhost/relay",
        "postgres://relay@127.0.0.1:5432/relay",
        "postgresql://relay:secret@one:5432,two:5433/relay?target_session_attrs=read-write",
        "postgresql://relay:se%40cret%2F%23@[::1]:5432/relay?sslmode=require",
        "postgresql:///relay?host=/run/postgresql",
        "postgresql://",
    ],
)
def test_postgresql_addresses(text: str) -> None:
    place = readers.database(text)
    assert isinstance(place, PostgresUrl)
    assert place.secret.get_secret_value() == text
    assert "cret" not in str(place)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://relay:secret@one:5432,two/relay", "postgresql://relay@one:5432,two/relay"),
        ("postgresql:///relay?host=/run/postgresql", "postgresql:///relay?host=/run/postgresql"),
        (
            "postgres://relay@db/relay?sslmode=verify-full&port=5433",
            "postgres://relay@db/relay?sslmode=verify-full&port=5433",
        ),
        ("postgresql://db/relay?user=relay&password=secret&passfile=%2Fsecret", "postgresql://db/relay?user=relay"),
        ("postgresql://db/relay?sslpassword=secret&sslmode=require&secret", "postgresql://db/relay?sslmode=require"),
        ("postgresql://", "postgresql://"),
    ],
)
def test_a_postgresql_address_is_shown_as_it_can_be_used_but_without_secrets(text: str, shown: str) -> None:
    """`backup` names it to pg_dump, and an operator enters it again with the password."""
    place = readers.database(text)
    assert str(place) == shown
    assert str(readers.database(shown)) == shown


def test_the_scheme_of_a_postgresql_address_may_be_in_upper_case() -> None:
    place = readers.database("PostgreSQL://Relay:seCret@DB/Relay")
    assert isinstance(place, PostgresUrl)
    assert place.secret.get_secret_value() == "postgresql://Relay:seCret@DB/Relay"  # PostgreSQL itself refuses others.


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://relay:sec@ret@localhost/relay",
        "postgresql://relay:sec/ret@localhost/relay",
        "postgresql://relay:sec#ret@localhost/relay",
        "postgresql://relay:sec?ret@localhost/relay",
        "postgresql://relay:1?ret@localhost/relay",
        "postgresql://relay:se cret@localhost/relay",
        "postgresql://relay:secret@localhost:port/relay",
        "postgresql://relay:secret@localhost:99999/relay",
        "postgresql://relay:secret@[::1/relay",
        "postgresql:relay",
    ],
)
def test_invalid_postgresql_addresses_are_refused_without_showing_the_password(text: str) -> None:
    with pytest.raises(ValueError, match="%40") as caught:
        readers.database(text)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize("text", [",", " , "])
def test_a_list_of_nothing_is_refused(text: str) -> None:
    for reader in (readers.guild_ids, readers.shard_ids, readers.media_hosts, readers.encryption_keys):
        with pytest.raises(ValueError, match=r"contains|names|is not a list"):
            reader(text)


def test_the_way_to_make_a_key_works_where_it_is_shown() -> None:
    command = readers.HOW_TO_MAKE_A_KEY.removeprefix("make one with ").removesuffix(", and keep it")
    made = subprocess.run(command, shell=True, capture_output=True, text=True, env={}, check=True)
    assert len(readers.encryption_keys(made.stdout)) == 1
