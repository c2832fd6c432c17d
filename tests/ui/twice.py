"""What a reader would call said twice in one message."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

_STATES = (
    "on hold",
    "in progress",
    "not posted",
    "not watched",
    "not stored",
    "not found",
    "given up",
    "no result",
    "started",
    "finished",
    "failed",
    "refused",
    "cancelled",
    "expired",
    "completed",
    "done",
    "ended",
    "paused",
    "locked",
    "waiting",
    "already",
    "stopped",
    "dropped",
    "removed",
    "late",
    "gone",
    "ready",
)
_MARK = re.compile(
    r"</[a-z -]+:\d+>"  # a command
    r"|<[@#]!?\d+>"  # a person, a channel
    r"|<t:\d+:\w>"
    r"|<?https?://[^\s<>)]+>?"
    r"|(?<![\w#])\\?#\d+"  # the number of a job
    r"|(?<!\*)\*[A-Z][A-Za-z ]*[a-z]\*(?!\*)"  # a permission
    r"|\b\d+(?:\.\d+)? (?:s|min|h|days?|[KM]B|jobs?|videos?|images?|results?|channels?|ids?|others?|people|links?)\b"
)
_STATE = re.compile(rf"\b(?:{'|'.join(_STATES)})\b|[\w.]+ refuses\b")
"""Who refuses stands before it: two who do so are two things."""
_STATUS_WORD = re.compile(r"(?:completed|moderated|failed|cancelled|expired|not found|given up) · \\?#\d+")
"""The API's own word in the small print, which stands there whatever the title says."""
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_ITEM = re.compile(r"- |(?:-# )?\d[\d, and]*(?:to \d+)?[.:] |`[^`]+`: |\*\*[^*]+\*\* · |\*\*All \d+ jobs|\w+: ")
"""How a line of a list begins, and the tally of a group: each is about another job, channel, problem or field."""
_NO_CONTENT = re.compile(
    r"(?:"
    r"a|an|and|are|as|at|be|been|but|by|can|can't|could|couldn't|did|didn't|do|does|doesn't|don't|for|from|had"
    r"|has|hasn't|have|haven't|here|i|i'll|i'm|i've|if|in|is|isn't|it|it's|its|me|more|my|no|not|of|on|once|one"
    r"|or|over|so|still|than|that|that's|the|their|them|then|there|they|this|those|to|until|up|was|what|when"
    r"|which|while|who|will|with|won't|you|you'll|you're|your"
    r")"
)
_RUN = 3


def said_twice(text: str, labels: Iterable[str] = ()) -> list[str]:
    """What stands in a message more than once: a sentence, a run of three words with a meaning of their own, and, of
    one thing, its state, a number with its unit, a command, a person, a channel, a link, a time, a permission.

    Buttons count as sentences. The lines of a list are about different things: they may share all but sentences, runs,
    links, commands and people.
    """
    text = _STATUS_WORD.sub("", text)
    lines = text.split("\n")
    things = [line for line in lines if _ITEM.match(line)]
    rest = "\n".join(line for line in lines if not _ITEM.match(line))
    found: set[str] = set()
    for thing in (*things, rest):
        found.update(_more_than_once((*_MARK.findall(thing), *_STATE.findall(_words_only(thing)))))
    found.update(
        _more_than_once(mark for mark in _MARK.findall(text) if mark.startswith(("</", "<@", "http", "<http")))
    )
    found.update(_more_than_once(run for sentence in (*_sentences(text), *labels) for run in _runs(sentence)))
    found.update(_more_than_once(words for sentence in (*_sentences(rest), *labels) if (words := _whole(sentence))))
    return sorted(found)


def _more_than_once(parts: Iterable[str]) -> list[str]:
    parts = list(parts)
    return [part for part, number in Counter(parts).items() if number > 1] if len(set(parts)) < len(parts) else []


def _words_only(text: str) -> str:
    return _MARK.sub(" ", text).lower()


@lru_cache(10_000)
def _words(sentence: str) -> list[str]:
    """The sentence's words; many messages share their sentences."""
    return _WORD.findall(_words_only(sentence).replace("*", ""))


def _sentences(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from re.split(r"(?<=[.!?:;])\**\s| · ", line)


def _content(sentence: str) -> list[str]:
    """The words with a meaning of their own, without their endings."""
    return [re.sub(r"(?:ing|ed|s)$", "", word) for word in _words(sentence) if not _NO_CONTENT.fullmatch(word)]


def _whole(sentence: str) -> str:
    """The sentence by its words; empty where it is a single one."""
    words = _words(sentence)
    return " ".join(words) if len(words) > 1 else ""


@lru_cache(10_000)
def _runs(sentence: str) -> frozenset[str]:
    words = _content(sentence)
    return frozenset(" ".join(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1))
