"""A language for tests: English in accented letters, longer, and in brackets.

A word without accents can't be translated, and English readers understand the rest.
"""

from __future__ import annotations

import re

PSEUDO = "sv-SE"
"""A locale that Discord has and the bot doesn't."""

_PLAIN = "aceghiknorstuyzACEGHIKNORSTUYZ"
_ACCENTED = "àćéĝĥïķñöŕšţüýžÀĆÉĜĤÏĶÑÖŔŠŢÜÝŽ"
_TO_ACCENTED = str.maketrans(_PLAIN, _ACCENTED)
_TO_PLAIN = str.maketrans(_ACCENTED, _PLAIN)
_BEGINS, _ENDS = "[!! ", " !!]"
KEPT = re.compile(r"(\{[^}]*\}|`[^`]*`|<[^>]*>|https?://\S+|\n)")
"""Parts that a translator doesn't change."""
_STATE = re.compile(r"\*\*(.*?)\*\*(.*)", re.DOTALL)
_DATA = re.compile(  # what the API says stays as it is
    r"^(?:verb|status|created|updated|prompt|buttons|style|aspect_ratio|content|error|errorDetails): .*$"
    r"|^<@\d+> \(prompt: .*$"
    r"|\b(?:completed|failed|moderated|cancelled)(?= · #)"
    r"|https?://\S+|\S*\b(?:job|user):\S+|\S+\.mp4|video/mp4|/pixverse[a-z -]*|sv-SE",
    re.MULTILINE,
)
_WORD = re.compile(rf"[A-Za-z]*[{_PLAIN}][A-Za-z]*")


def pseudo(text: str) -> str:
    """`text` in the pseudo-language: `**Watching {n} jobs.** More` as `**[!! Ŵàţćĥïñĝ {n} ĵöƀš. !!]** …`."""
    if state := _STATE.fullmatch(text):
        return f"**{pseudo(state[1])}**{_accented(state[2])}"
    return f"{_BEGINS}{_accented(text)}{_ENDS}" if has_words(text) else text


def is_pseudo(text: str) -> bool:
    """Whether any part of the text is in the pseudo-language."""
    return _BEGINS in text


def understood(text: str) -> str:
    """The text in English: a text in the pseudo-language is translated back."""
    return text.translate(_TO_PLAIN).replace(_BEGINS, "").replace(_ENDS, "") if is_pseudo(text) else text


def english(text: str) -> list[str]:
    """The words in which a letter lacks its accent."""
    return [word for word in _WORD.findall(_DATA.sub("", text)) if len(word) > 1]


def has_words(text: str) -> bool:
    return re.search("[a-z]", KEPT.sub("", text), re.IGNORECASE) is not None


def _accented(text: str) -> str:
    return "".join(part if KEPT.fullmatch(part) else part.translate(_TO_ACCENTED) for part in KEPT.split(text))
