"""What people and PixVerse write: text that must not be shown as it is, and text that must be kept as it was written.

Every job's prompt and reason contain one of these after the words by which the job is recognised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

_FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
_HALVED = "[\u200d\U0001f468\U0001f469]\u2026"
"""An emoji of a family that was cut in two."""
_PLAIN = 0.6
"""The share of jobs that say nothing special."""


@dataclass(frozen=True, slots=True)
class SampleText:
    """Some text, and a pattern that none of the bot's texts may match."""

    text: str = ""
    forbidden: str = ""
    kept: str = ""
    """Part of every result that shows the prompt."""


NO_TEXT = SampleText()
LONG = SampleText("x " * 20 + _FAMILY * 120, _HALVED)
ALL = (
    SampleText("of owner7@mail.example", r"owner7\\?@mail"),
    SampleText("@everyone <@4242> <@&4243>", r"(?<!\\)@everyone|<@4242>|<@&4243>"),
    SampleText("[here](https://evil.example/a) https://evil.example/b", r"(?<!\\)\]\(https://evil|https://evil"),
    SampleText("**loud** `code` ||hidden||", r"(?<!\\)\*\*loud|(?<!\\)`code|(?<!\\)\|\|hidden"),
    SampleText("\u202eslias\u202c a\u200bb", "[\u200b\u202a-\u202e\u2066-\u2069]"),
    SampleText(f"with {_FAMILY} there", kept=_FAMILY),
    SampleText("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", kept="\u0645\u06cc\u200c\u062e"),
    SampleText("a\u200db and \u200dc", "[a ]\u200d"),
    SampleText("safe\U000e0068\U000e0069\U000e0064", "[\U000e0020-\U000e007e]"),
    SampleText("a" + "\ufe0f" * 20 + "b", "a\ufe0f"),
    SampleText("o" + "\u0301" * 20 + "p", "\u0301{6}"),
    LONG,
    SampleText("y" * 6000, "y{1500}"),
    SampleText(
        "token MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB", "abcdefghijklmnopqrstuvwx"
    ),
    SampleText("token user:5-0123456789abcdef01234567", "0123456789abcdef"),
)
_NUMBER = re.compile(r"#(\d+)")
_FORBIDDEN = re.compile("|".join(f"(?:{sample.forbidden})" for sample in ALL if sample.forbidden))


def draw(random: Random) -> SampleText:
    return NO_TEXT if random.random() < _PLAIN else random.choice(ALL)


def number_in(text: str) -> str:
    """The short number by which the bot calls a job."""
    found = _NUMBER.search(text)
    assert found is not None, f"no number in {text!r}"
    return found[1]


def forbidden_part_of(text: str) -> str | None:
    """The part of one of the bot's texts that must not be shown; None if there is none."""
    found = _FORBIDDEN.search(text)
    return None if found is None else found[0]
