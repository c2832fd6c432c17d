"""One version, in each place that tells it."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path

from settings import VERSION

_ROOT = Path(__file__).resolve().parents[2]


def test_the_project_file_has_the_same_version() -> None:
    assert tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_changelog_has_it_with_its_date() -> None:
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", (_ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    version, day = released[0]
    assert version == VERSION
    date.fromisoformat(day)
