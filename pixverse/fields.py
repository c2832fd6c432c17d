"""Reads JSON and single values from a response in which every field may be missing, of another type, or absurd.

Every function returns None, or something empty, for a value that cannot be used, and raises nothing unless it says so.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

from pixverse import plain_text
from pixverse.token_text import without_tokens

LONG = 4000
"""Characters kept of a prompt, an error or a message of PixVerse."""
SHORT = 100
"""Characters kept of a word such as a style."""
MANY = 25
"""Entries kept of a list."""

_LONGEST_TOKEN = 1000
"""Characters looked at beyond a text's limit, so that a token at the place where it is cut is still seen whole."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MS = 1_420_070_400_000
_LATEST_MS = 4_102_444_800_000
"""From 2015 on, before 2100."""
_LARGEST_NUMBER = 2**53
_LONGEST_URL = 2048
_LONGEST_TIME = 40
_MAX_ENCODINGS = 4
_MAX_DIGITS = 40
_DIGITS = re.compile(r"-?[0-9]{1,16}")
_UNIX_SECONDS = range(10**9, 10**10)
_PLACEHOLDER = re.compile(r"(?:^|/)[a-z0-9]{2,5}/+media/+default\.[a-z0-9]{2,5}/*$", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PARTS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)([^/?#]*)(.*)")
_TO_ENCODE = re.compile(r"[ \"<>`{}]|[^\x00-\x7f]+")


def parsed_json(body: bytes) -> object:
    """The JSON value in `body`; None if there is none or it is nested too deeply.

    The standard library's reader accepts what JavaScript may write: NaN, and half a surrogate pair where a text was
    cut. Neither may make a whole response unreadable.
    """
    try:
        value: object = json.loads(body.decode("utf-8-sig"), parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    return value


def _integer(digits: str) -> int | float:
    """Python refuses to read integers of thousands of digits; as a float they are merely infinite."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def mapping(value: object) -> dict[str, object]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> tuple[object, ...]:
    """The first entries of `value` where it is a list."""
    return tuple(value[:MANY]) if isinstance(value, (list, tuple)) else ()


def text(value: object, limit: int = LONG) -> str | None:
    """`value` where it is a text with something in it, cut to `limit` characters, between graphemes.

    What has the form of a token is replaced: the API may repeat its own, or the Discord token that it works with. Half
    a surrogate pair, left where somebody else cut an emoji in two, becomes a question mark: nothing could store it.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    # Bounded first, by enough for a token that the cut goes through, and for what a reader takes for one character.
    bounded = without_tokens(value[: limit + _LONGEST_TOKEN])
    return plain_text.cut(bounded.encode("utf-8", "replace").decode("utf-8"), limit)


def whole_number(value: object) -> int | None:
    """`value` where it is a whole number of a sane size, also one written as `3.0` or as the text `"3"`."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER or value != int(value):
        return None
    return int(value)


def count(value: object) -> int | None:
    """`value` where it is a whole number that is not negative."""
    number = whole_number(value)
    return number if number is not None and number >= 0 else None


def truth(value: object) -> bool | None:
    """`value` where it is true or false, also as 1 or 0 or in letters."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    number = whole_number(value)
    return None if number not in (0, 1) else number == 1


def percent_encoded(address: str) -> str:
    """An address as browsers send it: blanks and what is not ASCII percent-encoded once, as UTF-8, in the host by IDNA;
    all else byte for byte, what is encoded already among it (WHATWG, URL Standard, 4.4).

    Raises:
        ValueError: there are control characters in it, or a host that is none.
    """
    if _CONTROLS.search(address) or "\\" in address.partition("?")[0]:
        raise ValueError("control characters in an address")
    parts = _PARTS.fullmatch(address)
    before, host, rest = parts.groups() if parts else ("", "", address)
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    # A header's bytes that are no UTF-8 come as lone surrogates (PEP 383).
    return before + host + _TO_ENCODE.sub(_encoded, rest)


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def web_address(value: object) -> str | None:
    """`value` where it is an absolute http or https address of at most 2048 characters, with a sane host and port;
    percent-encoded as browsers do."""
    if not isinstance(value, str) or len(value) > _LONGEST_URL:
        return None
    try:
        address = percent_encoded(value.strip())
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return address if usable else None


def file_address(value: object) -> str | None:
    """`web_address`, where it is not one of the placeholders that PixVerse's web API names while there is no file:
    `…/mp4/media/default.mp4`, `…%2Fjpg%2Fmedia%2Fdefault.jpg`."""
    address = web_address(value)
    if address is None:
        return None
    path = urlsplit(address).path
    for _ in range(_MAX_ENCODINGS):
        path = unquote(path)
    return None if _PLACEHOLDER.search(path) else address


def milliseconds(value: object) -> int | None:
    """An ISO 8601 time, with `Z`, an offset or neither (then UTC), in milliseconds UTC, if it is of this century; also
    a Unix time in seconds or milliseconds.

    useapi.net writes `2023-09-09T02:04:49.667Z`, Discord `2023-09-09T02:05:24.991000+00:00` (get-pixverse-jobid).
    """
    unix = whole_number(int(value) if isinstance(value, float) and math.isfinite(value) else value)
    if unix is not None:
        unix *= 1000 if unix in _UNIX_SECONDS else 1
        return unix if _EARLIEST_MS <= unix < _LATEST_MS else None
    if not isinstance(value, str) or len(value) > _LONGEST_TIME:
        return None
    try:
        moment = datetime.fromisoformat(value.strip().upper())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    found = (moment - _EPOCH) // timedelta(milliseconds=1)
    return found if _EARLIEST_MS <= found < _LATEST_MS else None


def one_line(value: str, limit: int) -> str:
    """`value` on one line without control and direction-changing characters and without tokens, cut to `limit`
    characters."""
    line = plain_text.one_line(without_tokens(value[: limit + _LONGEST_TOKEN]))
    return line if len(line) <= limit else plain_text.cut(line, limit - 1) + "…"
