"""docs/reliability.md and docs/security.md name tests; a test that is renamed must be renamed there too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_TESTS = Path(__file__).resolve().parents[1]
_DOCS = _TESTS.parent / "docs"
_NAME = re.compile(r"`((?:\w+/)*\w+\.py|test_\w+)`")


@pytest.mark.parametrize(("page", "least"), [("reliability.md", 50), ("security.md", 30)])
def test_every_test_that_the_page_names_exists(page: str, least: int) -> None:
    named = 0
    absent: list[str] = []
    source = ""
    for word in _NAME.findall((_DOCS / page).read_text()):
        if word.endswith(".py"):
            file = _TESTS / word
            source = file.read_text() if file.is_file() else ""
            continue
        named += 1
        if f"def {word}(" not in source:
            absent.append(word)
    assert absent == []
    assert named > least
