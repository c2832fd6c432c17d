"""Readers for the texts of settings, and the types of settings that are not plain text or numbers.

Each reader raises ValueError with a message that continues the variable's name.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import shlex
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import SecretStr

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogFormat = Literal["text", "json"]

_HOST = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?:\.(?!-)[a-z0-9_-]{1,63})*")
_HOST_AND_PORT = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:]+)(?::([0-9]{1,5}))?")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}")
_WHOLE_NUMBER = re.compile(r"[0-9]{1,12}")
_GUILD_ID = re.compile(r"[1-9][0-9]{0,18}")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_SHOWN_PARAMETERS = frozenset(
    {"host", "hostaddr", "port", "user", "dbname", "service", "sslmode", "sslrootcert", "target_session_attrs"}
)
"""Parameters in the address of a PostgreSQL database that say which one it is or how to reach it, and are no secret."""
_SCHEME_WORD = re.compile(r"^(?:bot|bearer)\s+", re.IGNORECASE)
_NEW_KEY = shlex.join(
    [sys.executable, "-c", "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"]
)
HOW_TO_MAKE_A_KEY = f"make one with {_NEW_KEY}, and keep it"


class MediaHost(NamedTuple):
    """A host from which videos may be downloaded. An IPv6 address has no brackets. Without `port`, the scheme's own."""

    host: str
    port: int | None = None
    plain_http: bool = False
    wildcard: bool = False

    def __str__(self) -> str:
        name = f"[{self.host}]" if ":" in self.host else self.host
        return (
            ("http://" if self.plain_http else "")
            + ("*." if self.wildcard else "")
            + name
            + (f":{self.port}" if self.port else "")
        )


@dataclass(frozen=True, slots=True)
class PostgresUrl:
    """A PostgreSQL database. `str()` is its address without the password."""

    secret: SecretStr
    """The whole address, as the driver takes it."""
    folder: Path
    """Where the process keeps files of its own."""

    def __str__(self) -> str:
        address, _, query = self.secret.get_secret_value().partition("?")
        scheme, _, rest = address.partition("://")
        user_and_hosts, slash, name = rest.partition("/")
        user, at, hosts = user_and_hosts.rpartition("@")
        shown = [part for part in query.split("&") if part.partition("=")[0] in _SHOWN_PARAMETERS]
        return f"{scheme}://{user.partition(':')[0]}{at}{hosts}{slash}{name}{'?' if shown else ''}{'&'.join(shown)}"

    @property
    def digest(self) -> str:
        """Eight digits that tell databases apart, whatever the password and the parameters of the connection."""
        return hashlib.sha256(str(self).partition("?")[0].encode()).hexdigest()[:8]


DatabasePlace = Path | PostgresUrl
"""A path is the file of an SQLite database."""


def database_url(place: DatabasePlace) -> str:
    """The database as it is written in DATABASE_URL, without the password."""
    return f"sqlite:///{place}" if isinstance(place, Path) else str(place)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def header_secret(text: str) -> str:
    """A pasted token without the blanks, quotes and `Bot ` or `Bearer ` around it."""
    secret = _SCHEME_WORD.sub("", text.strip().strip("\"'").strip(), count=1)
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ValueError("contains spaces or characters that no token has; copy the token again, alone on its line")
    return secret


def api_url(text: str) -> str:
    """An http or https address without a slash at its end, to which paths are added."""
    example = "write it like https://host or http://host:port/path"
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError(f"is not a web address; {example}") from None
    if "@" in parts.netloc:
        raise ValueError(f"must not contain a user name or password; {example}")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError(f"must not contain a query (?…) or fragment (#…); {example}")
    is_address = is_host(host) and port != 0 and _HOST_AND_PORT.fullmatch(parts.netloc) is not None
    if parts.scheme not in ("http", "https") or not is_address:
        raise ValueError(f"is not a web address; {example}")
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"contains characters that no web address has; {example}")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """An http or https address at which the bot is reached, without a slash at its end."""
    url = api_url(text)
    path = urlsplit(url).path
    if (path and not _PLAIN_PATH.fullmatch(path)) or any(part.strip(".") == "" for part in path.split("/")[1:]):
        raise ValueError("has a path that is not plain; write it like https://host or https://host/path")
    return url


def http_host(text: str) -> str:
    """An address or name of this machine to listen on, without the brackets of an IPv6 address."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not is_host(bare):
        raise ValueError("is not a host; write an address of this machine like 127.0.0.1, or 0.0.0.0 for all of them")
    return bare


def is_host(host: str) -> bool:
    """Whether the text can be a host's name or address; a wildcard or an IPv6 zone can't."""
    name = host.lower().removesuffix(".")
    return _HOST.fullmatch(name) is not None or _canonical_ipv6(name) is not None


def _canonical_ipv6(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _media_host(word: str) -> MediaHost:
    """One entry of MEDIA_HOSTS: `host`, `host:port`, `*.host` or `http://host:port`."""
    example = "write each as host, host:port, *.host or http://host:port"
    scheme, separator, rest = word.lower().rpartition("://")
    if separator and scheme != "http":
        raise ValueError(f"has an entry with a scheme other than http://, and https needs none; {example}")
    match = _HOST_AND_PORT.fullmatch(rest.removesuffix("/") if separator else rest)
    if match is None:
        raise ValueError(f"has an entry that isn't a host; {example}")
    name, port = match[1], int(match[2]) if match[2] else None
    if name.startswith("*.") and separator:
        raise ValueError(f"has a *.host entry with http://, which would open whole networks; {example}")
    wildcard, host = name.startswith("*."), name.removeprefix("*.").strip("[]").removesuffix(".")
    address = _canonical_ipv6(host) if name.startswith("[") else None
    if address is None and not _HOST.fullmatch(host):
        raise ValueError(f"has an entry that isn't a host; {example}")
    if port is not None and not 0 < port < 65_536:
        raise ValueError(f"has a port that is not between 1 and 65535; {example}")
    return MediaHost(address or host, port, plain_http=bool(separator), wildcard=wildcard)


def media_hosts(text: str) -> tuple[MediaHost, ...]:
    """Hosts, split at commas and blanks, in the order given."""
    hosts = tuple(dict.fromkeys(_media_host(word) for word in _words(text)))
    if not hosts:
        raise ValueError("names no host; name at least one, or leave it out for the default")
    return hosts


def guild_ids(text: str) -> tuple[int, ...]:
    """Ids of Discord servers, split at commas and blanks: at least one."""
    words = _words(text)
    if not words or not all(_GUILD_ID.fullmatch(word) for word in words):
        raise ValueError(
            "contains something that is not a server id; write the numbers that Copy Server ID gives, comma separated, "
            "or leave it empty"
        )
    return tuple(dict.fromkeys(int(word) for word in words))


_MAX_SHARDS = 10_000
_SHARD_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)


def shard_ids(text: str) -> tuple[int, ...]:
    """Numbers of gateway shards like `0-3,7`. Raises ValueError."""
    found: set[int] = set()
    for word in _words(text) or [text]:
        match = _SHARD_RANGE.fullmatch(word)
        if match is None:
            raise ValueError("is not a list of shards; write their numbers like 0-3,7")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last >= _MAX_SHARDS:
            raise ValueError(f"contains {word}; write the smaller number first, and none above {_MAX_SHARDS - 1}")
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def database(text: str) -> DatabasePlace:
    """The file of `sqlite:///relative` or `sqlite:////absolute`, or a PostgreSQL address. Raises ValueError."""
    if text.lower().startswith(("postgresql:", "postgres:")):
        return _postgres_url(text)
    example = "write sqlite:///data/relay.db, or sqlite:////folder/relay.db for an absolute path"
    path = text[len("sqlite:///") :]
    if not text.lower().startswith("sqlite:///"):
        raise ValueError(
            f"must be the address of an SQLite file or of a PostgreSQL database; {example}, "
            "or postgresql://user:password@host:5432/name"
        )
    if not path or path.endswith(("/", "\\")) or not path.isprintable() or "?" in path or path == ":memory:":
        raise ValueError(f"names no file; {example}")
    return Path(path)


def _postgres_url(text: str) -> PostgresUrl:
    if not _is_postgres_url(text):
        raise ValueError(
            "is not the address of a PostgreSQL database; write it like postgresql://user:password@host:5432/name, "
            "with %40 for an @ in the password, %2F for a / and %23 for a #"
        )
    scheme, separator, rest = text.partition(":")
    return PostgresUrl(SecretStr(scheme.lower() + separator + rest), Path("data"))


def _is_postgres_url(text: str) -> bool:
    """Whether user and password are written so that the driver does not mistake a part of them for the host and show
    it."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    user, _, hosts = parts.netloc.rpartition("@")
    return (
        text.lower().startswith(("postgresql://", "postgres://"))
        and text.isprintable()
        and not any(sign in text for sign in " #")
        and "@" not in user + parts.path + parts.query
        and all(_is_host_and_port(host) for host in hosts.split(",") if hosts)
    )


def _is_host_and_port(text: str) -> bool:
    match = _HOST_AND_PORT.fullmatch(text)
    return match is not None and (match[2] is None or 0 < int(match[2]) < 65_536)


def encryption_keys(text: str) -> tuple[SecretStr, ...]:
    """Fernet keys, newest first, split at commas and blanks."""
    keys = _words(text)
    if not keys:
        raise ValueError(f"contains no key; leave it empty, or make one with {_NEW_KEY}")
    for number, key in enumerate(keys, start=1):
        which = "the key" if len(keys) == 1 else f"key {number} of {len(keys)}"
        if not _FERNET_KEY.fullmatch(key):
            raise ValueError(
                f"is malformed: {which} isn't a Fernet key (44 characters); "
                f"enter the one that was in use, or for a new database make one with {_NEW_KEY}"
            )
        Fernet(key)
    return tuple(SecretStr(key) for key in keys)


def _decimal(text: str, *, unit: str, maximum: int) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"is not a number; write {unit} in digits, decimals with a point, like 20 or 2.5")
    if not 0 < (number := Decimal(text)) <= maximum:
        raise ValueError(f"is {text}; it must be above 0 and at most {maximum} {unit}")
    return number


def poll_interval_ms(text: str) -> int:
    """Reads seconds, decimals allowed; returns milliseconds."""
    return max(1, round(_decimal(text, unit="seconds", maximum=86_400) * 1000))


def job_max_age_ms(text: str) -> int:
    """Reads hours, decimals allowed; returns milliseconds."""
    return max(1, round(_decimal(text, unit="hours", maximum=8_760) * 3_600_000))


def whole(text: str, maximum: int) -> int:
    """A whole number from 1 to `maximum`."""
    if not _WHOLE_NUMBER.fullmatch(text):
        raise ValueError(f"is not a whole number; write one from 1 to {maximum} in digits")
    if not 1 <= (number := int(text)) <= maximum:
        raise ValueError(f"is {number}; it must be from 1 to {maximum}")
    return number


def media_max_bytes(text: str) -> int:
    """Reads MiB; returns bytes."""
    return whole(text, 10_000) * 1024 * 1024


def _one_of(text: str, choices: tuple[str, ...]) -> str:
    for choice in choices:
        if text.casefold() == choice.casefold():
            return choice
    raise ValueError(f"is none of {', '.join(choices)}; write one of these")


def log_level(text: str) -> str:
    """A level of the logging module, in upper or lower case."""
    return _one_of(text, get_args(LogLevel))


def log_format(text: str) -> str:
    """`text` or `json`, in upper or lower case."""
    return _one_of(text, get_args(LogFormat))
