"""Finds the job ids in what people paste: ids, addresses, lines of JSON, whole sentences.

All job ids that people enter are read here. If a text contains ids of a known form, only those count and the rest is
prose. If it contains none, each word that could be an id of an unknown form counts as one, because useapi.net promises
no form for v1's ids. The bot's own numbers of jobs, such as `#12`, are found in a longer text too. Everything takes
time linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherService, SeveralIds, parse_jobid, short_number
from pixverse.patterns import ANY_ID, BOT_SERVICE, JOB_ID_FORMS, LONGEST_ID, PIXVERSE_V2_ID
from pixverse.plain_text import one_line
from pixverse.token_text import looks_like_secret, unwrapped

_FIXED = re.compile(
    r"(?<=:)[^:@\s]{1,64}@[^:@\s]{1,255}?(?=-(?:video|image):)|"
    r"job:|user:|channel:|-bot:|-u(?=[0-9])|-c(?=[0-9])|pixverse|-video:|-image:|^j(?=[0-9])",
    re.IGNORECASE,
)
"""The parts of an id that are always in lower case; and the e-mail address, whose case is its owner's."""
_LIKE_AN_ID = re.compile(r"job:[0-9]|user:[0-9]+-pixverse:", re.IGNORECASE)
_LABELLED = re.compile(
    r"(?<![A-Za-z0-9_])(?:jobid|video_id|image_id)[\"']?\s?[:=]\s?[\"']?([A-Za-z0-9][A-Za-z0-9:._@+-]{3,299})"
)
_OTHER_JOB = re.compile(r"(?<![A-Za-z0-9_])[\"']?(?:parentJobId|original_video_id)[\"']?\s?[:=]\s?[\"']?[^\s\"',}]*")
"""The fields in which a record names the job that it was made from. Somebody who pastes a record means the record's own
job."""
_AS_TYPED = {
    **{0xFF01 + offset: 0x21 + offset for offset in range(94)},
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe58\ufe63"), "-"),
    **dict.fromkeys(map(ord, "\u2236\ua789\ufe55"), ":"),
    ord("\u3001"): ",",
    ord("\u3002"): ".",
    ord("\ufe6b"): "@",
}
"""Characters that input methods and word processors put in place of those of an id."""
_ESCAPED = re.compile(r"\\(?:u00(?P<code>[2-7][0-9a-f])|(?=[:._@+\-]))", re.IGNORECASE)
"""Escapes of JSON and of Markdown."""
_LINKED_ADDRESS = re.compile(r"\[([^\s\[\]]{1,100})\]\(mailto:[^\s()]{1,100}\)", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s,]+")
_END_OF_SENTENCE = ".:!?…)"
_LONG_WORD = 16
"""Characters; hardly any word of prose, size, time or version is as long."""
_MAX_DECODED = 5
_BEGINS_AN_ID = re.compile(r"[\"'`<(\[]{0,3}(?:job:|user:)[0-9]", re.IGNORECASE)
_WHOLE_ID = re.compile(
    rf"job:[0-9]{{14,17}}-user:[0-9]{{1,12}}-channel:[0-9]{{15,20}}{BOT_SERVICE}|{PIXVERSE_V2_ID.pattern}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Pasted:
    """One entry of a list."""

    text: str
    """What to call the entry; empty for a secret, which is not kept."""
    jobid: str | None = None
    number: int | None = None
    refusal: ValueError | None = None
    """Why it is not a job: LooksLikeSecret, OtherService or NotAJobId."""


def read_one(text: str) -> int | str:
    """The number or the id of the one job that a text names.

    Raises LooksLikeSecret (checked first), SeveralIds, OtherService or NotAJobId; no message contains any of the text.
    """
    decoded = _decoded(text)
    if any(_is_secret(word) for word in (decoded, *_words(decoded))):
        raise LooksLikeSecret("that looks like a token")
    found = [one for word in _words(_without_other_jobs(decoded)) for one in _known_in(word)]
    ids = list(dict.fromkeys(one.jobid for one in found if one.jobid is not None)) or _labelled(decoded)
    if len(ids) > 1:
        raise SeveralIds("more than one job id")
    if ids:
        return ids[0]
    for one in found:
        if isinstance(one.refusal, OtherService):
            raise one.refusal
    numbers = {number for word in _words(decoded) if (number := short_number(_bare(word))) is not None}
    if len(numbers) > 1:
        raise SeveralIds("more than one number of a job")
    if numbers:
        return numbers.pop()
    word = _bare(decoded)
    if not _could_be_an_id(word):
        raise NotAJobId("nothing in it resembles a job id")
    return parse_jobid(word)


def read_many(text: str) -> list[Pasted]:
    """The entries of a list, in order, each once: jobs, and entries that are not jobs, with the reason.

    A secret does not spoil the other entries. If a sentence contains ids, the words around them are left out.
    """
    decoded = _without_other_jobs(_decoded(text))
    labelled = set(_labelled(decoded))
    words = list(_words(decoded))
    known: dict[int, list[Pasted]] = {}
    for place, word in enumerate(words):
        found = _certain_in(word, words[place - 1] if place else "", labelled)
        if found:
            known[place] = found
    left = [_bare(word) for place, word in enumerate(words) if place not in known]
    names_jobs = any(one.jobid is not None for found in known.values() for one in found)
    in_prose = names_jobs and any(_is_prose(word) for word in left)
    read: dict[str | int, Pasted] = {}
    for place, word in enumerate(words):
        for one in known.get(place) or _guessed(_bare(word), in_prose=in_prose):
            read.setdefault(one.jobid or one.number or one.text, one)
    return list(read.values())


def find_jobids(text: str) -> list[str]:
    """The PixVerse job ids of a known form in a text, in order, each once."""
    words = [word for word in _words(_without_other_jobs(_decoded(text))) if not _is_secret(word)]
    found = [one.jobid for word in words for one in _known_in(word)]
    return list(dict.fromkeys(jobid for jobid in found if jobid is not None))


def _decoded(text: str) -> str:
    """`text` on one line without invisible characters, with percent-encoding and escapes undone once, and with the
    usual characters in place of those that other programs put into ids."""
    line = one_line(text).translate(_AS_TYPED)
    line = one_line(unquote(line)) if "%" in line else line
    if "\\" in line:
        line = one_line(_ESCAPED.sub(lambda found: chr(int(found["code"], 16)) if found["code"] else "", line))
    return _rejoined(_LINKED_ADDRESS.sub(r"\1", line))


def _rejoined(line: str) -> str:
    """`line` with ids rejoined that a line break had split."""
    words: list[str] = []
    for word in line.split(" "):
        if words and _are_halves(words[-1], word):
            words[-1] += word
        else:
            words.append(word)
    return " ".join(words)


def _are_halves(first: str, second: str) -> bool:
    """Whether two words together are one id in the strict form, and neither of them holds an id or a secret."""
    if len(first) + len(second) > LONGEST_ID or not _BEGINS_AN_ID.match(first):
        return False
    if any(_is_secret(half) or _known_in(half) for half in (first, second)):
        return False
    return _WHOLE_ID.fullmatch(unwrapped(first + second)) is not None


def _without_other_jobs(text: str) -> str:
    rest = _OTHER_JOB.sub(" ", text)
    return rest if rest == text or any(_known_in(word) for word in _words(rest)) or _labelled(rest) else text


def _words(text: str) -> Iterator[str]:
    return (word for word in _SEPARATORS.split(text) if word)


def _bare(word: str) -> str:
    inside = unwrapped(word)
    return unwrapped(inside.rstrip(_END_OF_SENTENCE)) or inside


def _is_secret(text: str) -> bool:
    """Whether the text holds a secret, however often it was encoded. An encoded id of v2 only looks like one."""
    if looks_like_secret(text) and "%3a" not in text.lower():
        return True
    for _ in range(_MAX_DECODED):
        further = unquote(text)
        if further == text:
            return looks_like_secret(text)
        text = further
    return True


def _certain_in(word: str, before: str, labelled: set[str]) -> list[Pasted]:
    """What a word certainly contains: a secret, ids of a known form, a number, or what follows `jobid:`."""
    if _is_secret(word):
        return [Pasted("", refusal=LooksLikeSecret("that looks like a token"))]
    found = _known_in(word)
    if not found and "bearer" in (_bare(before).lower(), _bare(word).lower()):
        return [Pasted("", refusal=LooksLikeSecret("that looks like a token"))]
    if found:
        return found
    number = short_number(_bare(word))
    if number is not None:
        return [Pasted(f"#{number}", number=number)]
    behind_a_label = _LABELLED.search(word)
    jobid = _bare(behind_a_label.group(1) if behind_a_label else word)
    return [Pasted(jobid, jobid)] if jobid in labelled else []


def _guessed(word: str, *, in_prose: bool) -> list[Pasted]:
    """What any other word may be."""
    if not word or (in_prose and not _stands_out(word)):
        return []
    if not _could_be_an_id(word):
        return [Pasted(word, refusal=NotAJobId("nothing in it resembles a job id"))]
    return [_judged(word)]


def _judged(word: str) -> Pasted:
    try:
        return Pasted(word, parse_jobid(word))
    except (LooksLikeSecret, OtherService, NotAJobId) as refusal:
        return Pasted("" if isinstance(refusal, LooksLikeSecret) else word, refusal=refusal)


def _known_in(word: str) -> list[Pasted]:
    """The ids of known forms in a word that holds no secret, in order."""
    matches = sorted(
        (match for form in JOB_ID_FORMS for match in form.finditer(word)),
        key=lambda match: (match.start(), -match.end()),
    )
    found: list[Pasted] = []
    end = 0
    for match in matches:
        if match.start() >= end:
            end = match.end()
            found.append(_judged(_in_its_case(match.group())))
    return found


def _in_its_case(jobid: str) -> str:
    """An id in the letter case of useapi.net, in case a keyboard or a form has changed it."""
    if jobid.isupper():
        return jobid.lower()
    return _FIXED.sub(lambda match: match.group() if "@" in match.group() else match.group().lower(), jobid)


def _labelled(text: str) -> list[str]:
    values = (match.rstrip(_END_OF_SENTENCE) for match in _LABELLED.findall(text))
    return list(dict.fromkeys(value for value in values if _could_be_an_id(value) and _judged(value).jobid))


def _could_be_an_id(word: str) -> bool:
    """Whether a word could be an id of an unknown form: it is not a word of a language and not percent-encoded."""
    if "%" in word or not ANY_ID.fullmatch(word):
        return False
    return len(word) >= _LONG_WORD or any(map(str.isdigit, word))


def _stands_out(word: str) -> bool:
    """Whether a word in a sentence looks like an id: one with a mistake in it, or one of an unknown form."""
    if _LIKE_AN_ID.match(word):
        return True
    return len(word) >= _LONG_WORD and any(map(str.isdigit, word)) and _could_be_an_id(word)


def _is_prose(word: str) -> bool:
    if any(sign in word for sign in "\"'{}=/"):
        return True  # Part of JSON, or of an address.
    return len(word) < _LONG_WORD and any(map(str.isalpha, word)) and not any(map(str.isdigit, word))
