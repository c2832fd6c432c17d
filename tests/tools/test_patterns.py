"""Every regular expression of the product takes time linear in the length of a hostile text, the way it is used."""

from __future__ import annotations

import ast
import importlib
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("cogs", "discord_adapter", "model", "pixverse", "relay", "settings", "storage", "ui", "web")
_WAYS = frozenset({"match", "fullmatch", "search", "finditer", "findall", "sub", "split"})
_LENGTH = 20_000
_FAST = 0.02
"""Seconds. What is quadratic takes ten times that for so many characters; what is slower is measured at two lengths."""
_SINGLE = "aA0-.:/@%_ \t\r\n\"'\\<>[](){},;=#~+!é\u200b"


@dataclass(frozen=True, slots=True)
class _Use:
    name: str
    pattern: re.Pattern[str] | re.Pattern[bytes]
    way: str


def _product() -> Iterator[tuple[ModuleType, ast.Module]]:
    files = [*ROOT.glob("*.py"), *(file for room in _ROOMS for file in (ROOT / room).rglob("*.py"))]
    for file in sorted(files):
        parts = file.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield importlib.import_module(name), ast.parse(file.read_text())


def _patterns_in(value: object) -> list[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        return [value]
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [one for one in value if isinstance(one, re.Pattern)] if isinstance(value, tuple | list) else []
    return []


def _uses() -> list[_Use]:
    """Each pattern that a module holds, with each way in which any module calls it; one whose calls are not to be seen
    counts as searched for."""
    names: dict[re.Pattern[str] | re.Pattern[bytes], str] = {}
    ways: defaultdict[re.Pattern[str] | re.Pattern[bytes], set[str]] = defaultdict(set)
    for module, tree in _product():
        for name, value in vars(module).items():
            for pattern in _patterns_in(value):
                names.setdefault(pattern, f"{module.__name__}.{name}")
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=way) if way in _WAYS:
                    for pattern in _patterns_in(getattr(module, name, None)):
                        ways[pattern].add(way)
    return [
        _Use(name, pattern, way)
        for pattern, name in names.items()
        for way in sorted(
            {"search" if way in ("findall", "sub", "split") else way for way in ways[pattern]} or {"search"}
        )
    ]


_USES = _uses()


def _hostile(source: str) -> Iterator[str]:
    """Texts made of a pattern's own words: one of them, or a character, over and over, ended by what fits nothing."""
    words = set(re.findall(r"[A-Za-z][A-Za-z0-9_]*[:@/.-]?", re.sub(r"\\.", " ", source))) | set(_SINGLE)
    begins = sorted(word for word in words if len(word) > 1)
    for word in sorted(words):
        yield word
    for word in begins:
        yield f"{word}0"
        yield f"{word}."
        yield f".{word}"
        yield f"{word} "


def _texts(source: str, length: int) -> Iterator[str]:
    for unit in _hostile(source):
        yield (unit * (length // len(unit) + 1))[: length - 1] + "\x00"
    for begin in {*re.findall(r"[a-z]+[:/=-]", source), "job:1", "user:1-", "http://"}:
        for single in _SINGLE:
            yield begin + single * (length - len(begin) - 1) + "\x00"


def _seconds(use: _Use, text: str, tries: int) -> float:
    """Of this thread alone, however busy the machine is."""
    subject = text.encode() if isinstance(use.pattern.pattern, bytes) else text
    call = getattr(use.pattern, "finditer" if use.way == "search" else use.way)
    best = float("inf")
    for _ in range(tries):
        begun = time.thread_time()
        found = call(subject)
        if use.way in ("search", "finditer"):
            for _one in found:
                pass
        best = min(best, time.thread_time() - begun)
        if best < _FAST:
            break
    return best


def _is_slow(use: _Use, length: int = _LENGTH) -> bool:
    source = use.pattern.pattern
    source = source.decode() if isinstance(source, bytes) else source
    for number, text in enumerate(_texts(source, length)):
        seconds = _seconds(use, text, 3)
        if seconds >= _FAST:
            twice = next(islice(_texts(source, 2 * length), number, None))
            if _seconds(use, twice, 3) > 3 * seconds:
                return True
    return False


def test_the_patterns_are_found() -> None:
    found = {use.name: use.way for use in _USES}
    assert len(found) > 40
    assert found["pixverse.jobids._SHORT_NUMBER"] == "fullmatch"
    assert "pixverse.pasted.JOB_ID_FORMS" in found


@pytest.mark.parametrize("use", _USES, ids=[f"{use.name}-{use.way}-{number}" for number, use in enumerate(_USES)])
def test_time_is_linear(use: _Use) -> None:
    assert not _is_slow(use)


@pytest.mark.parametrize("source", [r"(?!\S*\.\.)\S", r"[a-z]+@", r"\s+,"])
def test_a_slow_pattern_is_noticed(source: str) -> None:
    assert _is_slow(_Use("slow", re.compile(source), "search"), 10_000)
