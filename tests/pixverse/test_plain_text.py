from __future__ import annotations

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from pixverse import fields
from pixverse.plain_text import cut, graphemes, one_line
from tests.hostile import unseen

FAMILY = "👨\u200d👩\u200d👧"
ASTRONAUT = "👩🏽\u200d🚀"
ENGLAND = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
PERSIAN = "می\u200cخواهم"
SINHALA = "ශ\u0dca\u200dරී"

_SIGNS = (
    "a", "1", "#", "*", " ", "\n", "👨", "👩", "🏽", "❤", "\u200d", "\u200c", "\ufe0f", "\ufe0e", "🏴", "\U000e0067",
    "\U000e0065", "\U000e007f", "\u0301", "\u20e3", "ی", "क", "\u094d", "ര", "葛", "\U000e0100", "\u180b", "ᠠ",
    "\u2800", "\u3164", "\u200b", "\u202e", "\ud800", "🇩", "\u0600", "ᄀ", "\U0001faff", "\ue000", "\ufdd1",
)  # fmt: skip
texts = st.lists(st.sampled_from(_SIGNS), max_size=60).map("".join) | st.text(max_size=100)


@pytest.mark.parametrize(
    "written",
    [
        FAMILY,
        ASTRONAUT,
        ENGLAND,
        PERSIAN,
        SINHALA,
        "PDF\u200cها",
        "ക\u0d4d\u200d",
        "क\u094d\u200cष",
        "👩🏻\u200d❤\ufe0f\u200d💋\u200d👩🏽",
        "🏳\ufe0f\u200d🌈",
        "👁\ufe0f\u200d🗨\ufe0f",
        "1\ufe0f\u20e3 *\ufe0f\u20e3",
        "🇩🇪🇫🇷",
        "🏻🏼🏽🏾🏿",
        "葛\U000e0100",
        "ᠠ\u180b",
        "שָׁלוֹם נִקּוּד",
        "e\u0301 ǟ̈",
        "\u0600١٢",
        "\U0001fadf",  # In Unicode since 16, while Python 3.11 has 14.
        "\U0001faff",  # Kept free for emoji to come.
        "\U000323b5",  # An ideograph that has no meaning yet.
    ],
)
def test_what_people_write_is_unchanged(written: str) -> None:
    assert one_line(f"x {written} y {written}") == f"x {written} y {written}"
    assert len(graphemes(FAMILY + ASTRONAUT + ENGLAND)) == 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("abc\u202egpj.exe", "abcgpj.exe"),
        ("\u2066a\u2069\u061cb\u200e\u200fc", "abc"),
        ("a\u200db\u200cc\u200b\u2060\ufeffd", "abcd"),
        ("two\n\nlines\t\u2028tabs\x00\x1b[31m", "two lines tabs [31m"),
        ("a\ufe0fb\U000e0141c", "abc"),
        ("👨" + "\ufe0f" * 100, "👨\ufe0f"),
        ("👨\u200d\u200d\u200d👩", "👨\u200d👩"),
        ("👨\u200d", "👨"),
        ("\u200d👨", "👨"),
        ("x" + "\u0301" * 50, "x" + "\u0301" * 4),
        ("a\U000e0062\U000e0061\U000e0064", "a"),
        ("🏴\U000e0067\U000e0062", "🏴"),
        ("🏴" + "\U000e0061" * 500 + "\U000e007f", "🏴"),
        ("⠓⠊⠀⠽⠕⠥", "⠓⠊ ⠽⠕⠥"),
        ("\u3164\uffa0\u115f\u034f\u00ad\u180e", ""),
        ("a\ud83db\udc00", "ab"),
        ("a\ue000\ufdd1\uffffb", "ab"),
        ("\ufff9a\ufffab\ufffb", "ab"),
        ("\U000e0fff\u2065", ""),
    ],
)
def test_which_characters_are_removed(text: str, left: str) -> None:
    assert one_line(text) == left


@given(texts)
def test_a_second_pass_changes_nothing(text: str) -> None:
    once = one_line(text)
    assert one_line(once) == once
    assert unseen(once) == []
    assert "".join(graphemes(once)) == once


@given(texts, st.integers(0, 80))
def test_a_cut_is_never_longer_and_splits_no_grapheme(text: str, limit: int) -> None:
    kept = cut(text, limit)
    assert len(kept) <= limit
    assert text.startswith(kept)
    whole = regex.findall(r"\X", text)
    assert regex.findall(r"\X", kept) == whole[: len(regex.findall(r"\X", kept))]
    assert text == kept or len(kept) + len(whole[len(regex.findall(r"\X", kept))]) > limit


@pytest.mark.parametrize(
    "text",
    [
        f"{FAMILY} " * 4000,
        "👨\u200d" * 4000 + "👨",
        "ᄀ" * 20_000,
        "👨" + "🏽" * 20_000,
        "क\u094d" * 20_000,
        "a" + "\u0301" * 20_000,
        PERSIAN * 4000,
    ],
)
def test_the_longest_texts_are_fast_and_can_be_cut(text: str) -> None:
    began = time.process_time()
    shown = one_line(text)
    pieces = graphemes(shown)
    told = fields.text(text)
    assert time.process_time() - began < 2
    assert max(map(len, pieces)) <= 32
    assert told is not None
    assert 3900 < len(told) <= fields.LONG


def test_a_text_of_the_api_is_cut_between_graphemes() -> None:
    assert fields.text("a" + FAMILY * 3, 10) == "a" + FAMILY
    assert fields.one_line("a" + FAMILY * 3, 11) == f"a{FAMILY}…"
    assert fields.text("half \ud83d", 100) == "half ?"
