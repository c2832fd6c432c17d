"""What the API or a member wrote, made fit to be shown: one line, nothing invisible, no markup, within bounds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from pixverse.jobids import mask_email
from ui.limits import JOB_ID, units

ELLIPSIS = "…"

_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Characters that show nothing though Unicode counts them among letters, marks and symbols."""
_MARKS_IN_A_ROW = 4
"""More marks than that on one letter paint over the lines around it."""

_MARKUP = frozenset("\\*_~`|<>[]@")
_RATIO = re.compile(r"(?<![\w:])\d{1,4}(:)\d{1,4}(?![\w:])")
_DOMAIN = re.compile(r"\.[^\W_]{2,63}(?::\d{1,5})?(?=/)")
_LIST_NUMBER = re.compile(r"\d+(?=[.)])")

_PLAIN_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9:.+\-…]|@(?=…))*")


def plain(text: str, limit: int) -> str:
    """`text` on one line without control, direction-changing and zero-width characters, at most `limit` UTF-16 units.

    It is not escaped: fit for alt texts, file names' neighbours and autocomplete, where Discord knows no markup.
    """
    return _cut(_clean(text), limit)


def escaped(text: str, limit: int) -> str:
    """`text` like `plain`, and with everything escaped that Discord would read as markup, mention, emoji or link.

    At most `limit` UTF-16 units with the escapes counted; an escape is never cut in two.
    """
    clean = _clean(text)
    marked = _places_to_escape(clean)
    return _cut([f"\\{character}" if place in marked else character for place, character in enumerate(clean)], limit)


def code(text: str, limit: int) -> str:
    """`text` like `plain` between backticks, where nothing needs an escape. `limit` counts without the backticks."""
    inner = plain(text.replace("`", "'"), limit)
    return f"`{inner}`" if inner else ""


def job_id(jobid: str, limit: int = JOB_ID) -> str:
    """A job id as others may see it: e-mail hidden, cut, and escaped unless it is made of harmless characters only."""
    hidden = mask_email(jobid)
    shown = plain(hidden, limit)
    return shown if _PLAIN_ID.fullmatch(shown) else escaped(hidden, limit)


def bare_link(url: str, limit: int = 1500) -> str | None:
    """`url` as it can stand in a message so that Discord makes it a link; None where it is no plain http(s) address."""
    clean = plain(url, limit + 1).replace(" ", "%20")
    link = quote(clean, safe="%/?#[]@!$&'()*+,;=:~-._")
    try:
        parts = urlsplit(clean)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    if "@" in parts.netloc or not parts.netloc.isascii() or quote(parts.netloc, safe="[]:-._~") != parts.netloc:
        return None
    return link if len(link) <= limit else None


def _clean(text: str) -> str:
    """One line of visible characters."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    kept: list[str] = []
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        if character.isspace() or category in ("Zl", "Zp", "Cc"):
            kept.append(" ")
            marks = 0
            continue
        if category in ("Cf", "Cs", "Cn", "Co") or character in _INVISIBLE:
            continue
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    return " ".join("".join(kept).split())


def _places_to_escape(text: str) -> set[int]:
    """Where in a clean `text` a backslash is needed."""
    ratios = {match.start(1) for match in _RATIO.finditer(text)}
    places = {place for place, character in enumerate(text) if character in _MARKUP}
    places |= {
        place
        for place, character in enumerate(text)
        if character == ":" and place not in ratios and text[place + 1 : place + 2].strip()
    }
    places |= {match.end() for match in _DOMAIN.finditer(text)}
    if text[:1] in ("#", "-", "+"):
        places.add(0)
    if number := _LIST_NUMBER.match(text):
        places.add(number.end())
    return places


def _cut(pieces: Iterable[str], limit: int) -> str:
    """The pieces joined, or as many as leave room for an ellipsis."""
    whole = list(pieces)
    text = "".join(whole)
    if units(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept: list[str] = []
    room = limit - 1
    for piece in whole:
        if units(piece) > room:
            break
        kept.append(piece)
        room -= units(piece)
    while kept and kept[-1] == " ":
        kept.pop()
    return "".join(kept) + ELLIPSIS
