"""What people and PixVerse write that must not be shown as it is, and what has to stay as it was written.

Every job's prompt and reason carry one of these behind the words by which the job is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

_FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
_HALVED = "[\u200d\U0001f468\U0001f469]\u2026"
"""A family that was cut in two."""
_PLAIN = 0.6
"""So many jobs say nothing special."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said, and what nobody may see of it: a pattern that no text of the bot's may hold."""

    said: str = ""
    never: str = ""
    stays: str = ""
    """Stands in every result that shows the prompt."""


NOTHING = Words()
LONG = Words("x " * 20 + _FAMILY * 120, _HALVED)
ALL = (
    Words("of owner7@mail.example", r"owner7\\?@mail"),
    Words("@everyone <@4242> <@&4243>", r"(?<!\\)@everyone|<@4242>|<@&4243>"),
    Words("[here](https://evil.example/a) https://evil.example/b", r"(?<!\\)\]\(https://evil|https://evil"),
    Words("**loud** `code` ||hidden||", r"(?<!\\)\*\*loud|(?<!\\)`code|(?<!\\)\|\|hidden"),
    Words("\u202eslias\u202c a\u200bb", "[\u200b\u202a-\u202e\u2066-\u2069]"),
    Words(f"with {_FAMILY} there", stays=_FAMILY),
    Words("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", stays="\u0645\u06cc\u200c\u062e"),
    Words("a\u200db and \u200dc", "[a ]\u200d"),
    Words("safe\U000e0068\U000e0069\U000e0064", "[\U000e0020-\U000e007e]"),
    Words("a" + "\ufe0f" * 20 + "b", "a\ufe0f"),
    Words("o" + "\u0301" * 20 + "p", "\u0301{6}"),
    LONG,
    Words("y" * 6000, "y{1500}"),
    Words("token MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB", "abcdefghijklmnopqrstuvwx"),
    Words("token user:5-0123456789abcdef01234567", "0123456789abcdef"),
)
_NUMBER = re.compile(r"#(\d+)")
_NEVER = re.compile("|".join(f"(?:{words.never})" for words in ALL if words.never))


def drawn(random: Random) -> Words:
    return NOTHING if random.random() < _PLAIN else random.choice(ALL)


def number_in(text: str) -> str:
    """The short number by which the bot calls a job."""
    found = _NUMBER.search(text)
    assert found is not None, f"no number in {text!r}"
    return found[1]


def shown_in(text: str) -> str | None:
    """What stands in a text of the bot's that nobody may see; None where all is well."""
    found = _NEVER.search(text)
    return None if found is None else found[0]
