from __future__ import annotations

import pytest

from ui import formatting


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [
        (0, "0 s"),
        (999, "0 s"),
        (45_000, "45 s"),
        (134_000, "2 min 14 s"),
        (3_600_000, "1 h"),
        (3_605_000, "1 h"),
        (2 * 86_400_000 + 3 * 3_600_000, "2 days 3 h"),
        (86_400_000, "1 day"),
        (-5, "0 s"),
    ],
)
def test_durations(milliseconds: int, words: str) -> None:
    assert formatting.duration(milliseconds) == words


@pytest.mark.parametrize(
    ("milliseconds", "words"),
    [(-5, "just now"), (59_999, "just now"), (180_000, "3 min ago"), (7_200_000, "2 h ago"), (86_400_000, "1 day ago")],
)
def test_ages(milliseconds: int, words: str) -> None:
    assert formatting.age(milliseconds) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "1 KB"), (2048, "2 KB"), (10_485_760, "10 MB"), (12_900_000, "12.3 MB")],
)
def test_sizes(number: int, words: str) -> None:
    assert formatting.size(number) == words


def test_enumerations_and_numbers() -> None:
    assert formatting.enumeration(["a"]) == "a"
    assert formatting.enumeration(["a", "", "b", "c"]) == "a, b and c"
    assert formatting.listing(["a", "", "b", "c"]) == "a, b, c"
    assert formatting.listing([]) == formatting.enumeration([]) == ""


def test_a_spoiler_is_not_closed_too_early() -> None:
    assert formatting.spoiler(r"a\|") == r"||a\| ||"
    assert formatting.spoiler("a") == "||a||"
