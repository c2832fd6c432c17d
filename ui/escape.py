"""Makes texts of the API and of members safe to show: one line of limited length, nothing invisible, no markup, and no
e-mail address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, urlsplit

from pixverse.jobids import mask_email
from pixverse.plain_text import graphemes, one_line
from pixverse.token_text import without_tokens
from ui.discord_limits import JOB_ID, units

ELLIPSIS = "…"

_MARKUP = frozenset("\\*_~`|<>[]@")
_RATIO = re.compile(r"(?<![\w:])\d{1,4}(:)\d{1,4}(?![\w:])")
_DOMAIN = re.compile(r"\.[^\W_]{2,63}(?::\d{1,5})?(?=/)")
_LIST_NUMBER = re.compile(r"\d+(?=[.)])")

_PLAIN_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9:.+\-…]|@(?=…))*")
_EMOJI = re.compile(r":(?![0-9]+-)[A-Za-z0-9+\-]+:")
"""What Discord may show as an emoji: `:smile:`, but not `:1234-user:` as in the ids of useapi.net."""


@lru_cache(maxsize=256)  # Autocomplete offers the same jobs again for each typed letter.
def plain(text: str, limit: int) -> str:
    """`text` on one line, without control, direction-changing and invisible characters, with e-mail addresses hidden,
    and at most `limit` UTF-16 units long. It is cut between graphemes (see `pixverse.plain_text`).

    The result is not escaped. It is for places where Discord has no markup, such as alt texts and autocomplete.
    """
    return _cut(graphemes(_clean(text)), limit)


@lru_cache(maxsize=256)  # Each edit of a card shows the same words again.
def escaped(text: str, limit: int) -> str:
    """`text` as in `plain`, with everything escaped that Discord would read as markup, mention, emoji or link.

    At most `limit` UTF-16 units long, including the escapes; an escape is never cut in two.
    """
    clean = _clean(text)
    marked = _places_to_escape(clean)
    pieces: list[str] = []
    place = 0
    for grapheme in graphemes(clean)[: limit + 1]:  # At most `limit` of them fit.
        if marked.isdisjoint(range(place, place + len(grapheme))):
            pieces.append(grapheme)
        else:
            pieces.append("".join(f"\\{c}" if place + k in marked else c for k, c in enumerate(grapheme)))
        place += len(grapheme)
    return _cut(pieces, limit)


def code(text: str, limit: int) -> str:
    """`text` as in `plain`, between backticks, where nothing needs an escape. `limit` excludes the backticks."""
    inner = plain(text.replace("`", "'"), limit)
    return f"`{inner}`" if inner else ""


def job_id(jobid: str, limit: int = JOB_ID) -> str:
    """A job id as others may see it: with the e-mail address hidden, cut, and escaped unless it needs no escapes."""
    shown = plain(jobid, limit)
    return shown if _PLAIN_ID.fullmatch(shown) and not _EMOJI.search(shown) else escaped(jobid, limit)


def tail(text: str, count: int) -> str:
    """The last `count` graphemes of `text`, on one line; all of it if it has no more."""
    return "".join(graphemes(one_line(text))[-count:])


def bare_link(url: str, limit: int = 1500) -> str | None:
    """`url` in a form that Discord shows as a link, with tokens hidden; None if it is not a plain http(s) address."""
    clean = _cut(graphemes(without_tokens(one_line(url))), limit + 1).replace(" ", "%20")
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
    """`text` on one line, with e-mail addresses and tokens hidden. Invisible characters go first, because they may be
    within an address or a token."""
    return mask_email(without_tokens(one_line(text)))


def _places_to_escape(text: str) -> set[int]:
    """The places in a clean `text` that need a backslash."""
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


def _cut(pieces: Sequence[str], limit: int) -> str:
    """The pieces joined; if that is too long, as many as fit together with an ellipsis."""
    text = "".join(pieces)
    if units(text) <= limit:
        return text
    kept, room = 0, limit - 1
    for piece in pieces:
        room -= units(piece)
        if room < 0:
            break
        kept += 1
    # A space or zero-width non-joiner at the end would belong to what is cut off.
    return "".join(pieces[:kept]).rstrip(" \u200c") + ELLIPSIS
