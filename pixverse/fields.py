"""Reads JSON and single values from a response in which every field may be missing, of another type, or absurd.

Every function returns None, or something empty, for a value that cannot be used, and raises nothing unless it says so.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urlsplit

from pixverse import plain_text
from pixverse.token_text import without_tokens

LONG = 4000
"""Characters kept of a prompt, an error or a message of PixVerse."""
SHORT = 100
"""Characters kept of a word such as a style."""
STATUS = 40
"""Characters kept of the word for a job's state."""
MANY = 25
"""Entries kept of a list in a job's record."""
MAX_JOBS = 1000
"""Entries read of a list of jobs."""

_LONGEST_TOKEN = 1000
"""Characters read beyond a text's limit, so that a token across the cut is still recognised."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST_MS = 1_420_070_400_000
_LATEST_MS = 4_102_444_800_000
"""From 2015 on, before 2100."""
_LARGEST_NUMBER = 2**53
_LONGEST_URL = 8000
_LONGEST_TIME = 40
_MAX_ENCODINGS = 4
_MAX_DIGITS = 40
_DIGITS = re.compile(r"(-?[0-9]{1,16})(?:\.0{1,16})?")
_UNIX_SECONDS = range(10**9, 10**10)
_PLACEHOLDER = re.compile(r"(?:^|/)[a-z0-9]{2,5}/+media/+default\.[a-z0-9]{2,5}/*$", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_PARTS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?//)([^/?#]*)(.*)")
_NAMES = re.compile(r"([:@]+)")
_TO_ENCODE = re.compile(r"[ \"<>`{}]|[^\x00-\x7f]+")


def parsed_json(body: bytes) -> object:
    """The JSON value in `body`; None if there is none or it is nested too deeply.

    The standard library's parser is used because it accepts NaN, raw line breaks in a text, and half a surrogate pair
    at the cut of a text: none of them may make a whole response unreadable. Nor may bytes that are not UTF-8, such as
    half a character at the cut of a text; each becomes a replacement character.
    """
    try:
        value: object = json.loads(body.decode("utf-8-sig", "replace"), parse_int=_integer, strict=False)
    except (ValueError, RecursionError):
        return None
    return value


def _integer(digits: str) -> int | float:
    """Python refuses to read integers of thousands of digits; as a float they are merely infinite."""
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def mapping(value: object) -> dict[str, object]:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def first(record: Mapping[str, object], *names: str) -> object:
    """The first of the fields with these names that is neither missing, null nor blank; None if there is none."""
    values = (record.get(name) for name in names)
    return next((value for value in values if value is not None and value != ""), None)


def entries(value: object) -> tuple[object, ...]:
    """The first entries of `value` if it is a list, else none."""
    return tuple(value[:MANY]) if isinstance(value, (list, tuple)) else ()


def text(value: object, limit: int = LONG) -> str | None:
    """`value` if it is a text that is not blank, cut to `limit` characters between graphemes.

    Tokens in it are replaced: the API may repeat its own, or the Discord token that it works with. Half a surrogate
    pair, left where an emoji was cut in two, becomes a question mark, because it could not be stored.
    """
    if not isinstance(value, str) or not value.strip():
        return None
    # Shortened first, but not so far that a token or a grapheme at the limit is cut in two.
    bounded = without_tokens(value[: limit + _LONGEST_TOKEN])
    return plain_text.cut(bounded.encode("utf-8", "replace").decode("utf-8"), limit)


def whole_number(value: object) -> int | None:
    """`value` if it is a whole number of at most 2**53 either way; `3.0` and the texts `"3"` and `"3.0"` count as
    well."""
    digits = _DIGITS.fullmatch(value) if isinstance(value, str) else None
    if digits is not None:
        value = int(digits[1])
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not -_LARGEST_NUMBER <= value <= _LARGEST_NUMBER or value != int(value):
        return None
    return int(value)


def count(value: object) -> int | None:
    """`value` if it is a whole number that is not negative."""
    number = whole_number(value)
    return number if number is not None and number >= 0 else None


def truth(value: object) -> bool | None:
    """`value` if it is true or false; 1, 0 and the words count as well."""
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if isinstance(value, bool):
        return value
    number = whole_number(value)
    return None if number not in (0, 1) else number == 1


def percent_encoded(address: str) -> str:
    """An address as browsers send it (WHATWG, URL Standard, 4.4).

    Blanks and non-ASCII characters are percent-encoded as UTF-8, in the host by IDNA. Everything else stays byte for
    byte, including what is encoded already.

    Raises:
        ValueError: the address holds control characters or an impossible host.
    """
    if _CONTROLS.search(address) or "\\" in address.partition("?")[0]:
        raise ValueError("control characters in an address")
    parts = _PARTS.fullmatch(address)
    before, host, rest = parts.groups() if parts else ("", "", address)
    if not host.isascii():
        host = "".join(part.encode("idna").decode("ascii") for part in _NAMES.split(host))
    # Bytes of a header that are not UTF-8 arrive as lone surrogates (PEP 383).
    return before + host + _TO_ENCODE.sub(_encoded, rest)


def _encoded(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))


def web_address(value: object) -> str | None:
    """`value`, percent-encoded as browsers do, if it is an absolute http or https address of at most 8000 characters
    with a usable host and port."""
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
    """Like `web_address`, but None for the placeholders that PixVerse's web API gives while there is no file, such as
    `…/mp4/media/default.mp4` and `…%2Fjpg%2Fmedia%2Fdefault.jpg`."""
    address = web_address(value)
    if address is None:
        return None
    path = urlsplit(address).path
    for _ in range(_MAX_ENCODINGS):
        path = unquote(path)
    return None if _PLACEHOLDER.search(path) else address


def milliseconds(value: object) -> int | None:
    """A time from 2015 to 2099 in milliseconds UTC, read from ISO 8601 (with `Z`, an offset, or neither, which means
    UTC) or from a Unix time in seconds or milliseconds.

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


def http_date(header: str | None) -> float | None:
    """A date in a header (RFC 9110, 5.6.7) in seconds since 1970 UTC."""
    try:
        moment = parsedate_to_datetime(header or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def one_line(value: str, limit: int) -> str:
    """`value` on one line of at most `limit` characters, without tokens and without control and direction-changing
    characters."""
    line = plain_text.one_line(without_tokens(value[: limit + _LONGEST_TOKEN]))
    return line if len(line) <= limit else plain_text.cut(line, limit - 1) + "…"
