"""Puts text from the API or a person on one line of visible characters, and cuts it between graphemes.

What people write stays unchanged: joined emoji, skin tones, the flags that are spelt with tags, Persian half-spaces,
the joiners of Indic scripts, and characters that are newer than this Python. What is removed, and why:

- controls, line breaks and every kind of blank become one space, because the text is one line of a larger message;
- marks, overrides and isolates of direction (Cf), because they reverse the text after them;
- what shows nothing (Cf, and everything that Unicode calls default-ignorable, including reserved code points), because
  it hides words from readers and from filters. Zero-width joiners, variation selectors and tags stay where they shape
  what is seen: one joiner between emoji or next to a letter of a script that joins, one selector on a sign that has
  variants, tags as one whole flag;
- surrogates, private use, noncharacters: the first can't be stored, and what the others show is unknown;
- more marks on a letter than any language uses, and more joined emoji than any emoji has: they paint over the lines
  around them, or make one endless character that can't be cut.

Other unassigned code points stay: they are most likely letters or emoji of a newer Unicode.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache

import regex

_MARKS_IN_A_ROW = 4
"""Hebrew with its accents and Tibetan need about as many."""
_EMOJI_JOINED = 8
"""In one sign; the longest that Unicode recommends have four, and a skin tone for each person."""
_LONGEST_GRAPHEME = 32
"""Code points; nothing that is written is longer."""

_ZWNJ, _ZWJ = "\u200c", "\u200d"
_BLANK_BRAILLE = "\u2800"

_PLAIN = regex.compile(r"(?V1)[[\p{L}\p{N}\p{P}\p{S} ]--[\p{Default_Ignorable_Code_Point}\u2800]]*")
_BLANK = regex.compile(rf"[\s\p{{Cc}}{_BLANK_BRAILLE}]")
_UNSEEN = regex.compile(
    # Joiners, selectors and tags depend on the characters around them.
    r"(?V1)[[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\U0001D159]"
    r"--[\u200c\u200d\uFE00-\uFE0F\U000E0100-\U000E01EF\U000E0020-\U000E007F\p{Prepended_Concatenation_Mark}]"
    r"--[\u180B-\u180D\u180F]]+"
)
_TAGS = regex.compile(
    r"(\U0001F3F4[\U000E0030-\U000E0039\U000E0061-\U000E007A]{3,6}\U000E007F)|[\U000E0020-\U000E007F]+"
)
_JOINING = regex.compile(
    r"(?V1)[[\p{L}\p{M}\p{Nd}]--[\p{Latin}\p{Greek}\p{Cyrillic}\p{Armenian}\p{Georgian}\p{Hebrew}\p{Han}\p{Hiragana}"
    r"\p{Katakana}\p{Bopomofo}\p{Hangul}\p{Thai}\p{Lao}\p{Common}\p{Inherited}]]"
)
_HAS_VARIANTS = regex.compile(r"[\p{ExtPict}\p{S}\p{Lo}0-9#*]")
_GRAPHEME = regex.compile(r"\X")


class _Kind(Enum):
    """What a character does to those around it."""

    BLANK = auto()
    JOINER = auto()
    SELECTOR = auto()
    IDEOGRAPH_SELECTOR = auto()
    MONGOLIAN_SELECTOR = auto()
    SKIN_TONE = auto()
    MARK = auto()
    EMOJI = auto()
    OTHER = auto()


_KINDS = (
    (_BLANK, _Kind.BLANK),
    (regex.compile(f"[{_ZWNJ}{_ZWJ}]"), _Kind.JOINER),
    (regex.compile(r"[\uFE00-\uFE0F]"), _Kind.SELECTOR),
    (regex.compile(r"[\U000E0100-\U000E01EF]"), _Kind.IDEOGRAPH_SELECTOR),
    (regex.compile(r"[\u180B-\u180D\u180F]"), _Kind.MONGOLIAN_SELECTOR),
    (regex.compile(r"[\U0001F3FB-\U0001F3FF]"), _Kind.SKIN_TONE),
    (regex.compile(r"[\p{Mn}\p{Me}]"), _Kind.MARK),
    (regex.compile(r"\p{ExtPict}"), _Kind.EMOJI),
)
_BASES = {
    _Kind.SELECTOR: _HAS_VARIANTS,
    _Kind.IDEOGRAPH_SELECTOR: regex.compile(r"\p{Han}"),
    _Kind.MONGOLIAN_SELECTOR: regex.compile(r"\p{Mongolian}"),
}
_KEEPS_PICTURE = frozenset({_Kind.SELECTOR, _Kind.SKIN_TONE, _Kind.MARK})


@lru_cache(maxsize=256)  # cards and lists show the same few texts again and again
def one_line(text: str) -> str:
    """`text` on one line, without invisible and direction-changing characters; a second time changes nothing."""
    if _PLAIN.fullmatch(text) is None:
        text = _TAGS.sub(r"\1", _UNSEEN.sub("", text))
        text = _shaped(text)
    return " ".join(text.split())


def graphemes(text: str) -> list[str]:
    """What a reader takes for single characters, in order; an absurdly long one is split."""
    if text.isascii() and "\r" not in text:
        return list(text)
    found: list[str] = []
    for grapheme in _GRAPHEME.findall(text):
        while len(grapheme) > _LONGEST_GRAPHEME:
            # A joiner stays with what it joins to.
            end = _LONGEST_GRAPHEME - (grapheme[_LONGEST_GRAPHEME - 1] == _ZWJ)
            found.append(grapheme[:end])
            grapheme = grapheme[end:]  # noqa: PLW2901
        found.append(grapheme)
    return found


def cut(text: str, limit: int) -> str:
    """The first `limit` code points of `text`, or a few less so that no grapheme is cut in two."""
    if len(text) <= limit:
        return text
    end = 0
    for grapheme in graphemes(text[: limit + _LONGEST_GRAPHEME]):
        if end + len(grapheme) > limit:
            break
        end += len(grapheme)
    return text[:end]


@lru_cache(maxsize=8192)
def _kind_of(character: str) -> _Kind:
    return next((kind for pattern, kind in _KINDS if pattern.match(character)), _Kind.OTHER)


@lru_cache(maxsize=8192)
def _joins(character: str) -> bool:
    """Whether joiners and non-joiners change the shape of letters in this character's script."""
    return _JOINING.match(character) is not None


def _shaped(text: str) -> str:
    """`text` without the joiners, selectors and marks that shape nothing visible."""
    kept: list[str] = []
    joiner = ""  # A joiner that waits for the next character.
    in_emoji, joined, marks = False, 0, 0
    for character in text:
        kind = _kind_of(character)
        before = kept[-1] if kept else " "
        if kind is _Kind.JOINER:
            joiner = joiner or (character if before != " " else "")
            continue
        if kind in _BASES and (joiner or not _BASES[kind].match(before)):
            continue
        marks = marks + 1 if kind is _Kind.MARK else 0
        if marks > _MARKS_IN_A_ROW:
            continue
        joins_emoji = joiner == _ZWJ and in_emoji and kind is _Kind.EMOJI and joined < _EMOJI_JOINED - 1
        if joins_emoji or (joiner and (_joins(before) or (joiner == _ZWNJ and _joins(character)))):
            kept.append(joiner)
        joined = joined + 1 if joins_emoji else (joined if kind in _KEEPS_PICTURE else 0)
        in_emoji = kind is _Kind.EMOJI or (in_emoji and kind in _KEEPS_PICTURE)
        joiner = ""
        kept.append(" " if kind is _Kind.BLANK else character)
    if joiner and _joins(kept[-1]):
        kept.append(joiner)
    return "".join(kept)
