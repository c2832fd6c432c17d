"""docs/architecture.md tells what each file and folder at the top is for, and where each kind of change goes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not (_ROOT / ".git").exists(), reason="git knows which files belong to the project")
def test_everything_at_the_top_level_is_in_a_table() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    parts = [line.split("/", 1) for line in tracked.splitlines()]
    there = {part[0] + "/" * (len(part) > 1) for part in parts}
    page = (_ROOT / "docs/architecture.md").read_text()
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    assert there - set(re.findall(r"`([^`]+)`", " ".join(cells))) == set()


@pytest.mark.skipif(not (_ROOT / ".git").exists(), reason="git knows which files belong to the project")
@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/glossary.md", "CONTRIBUTING.md", "README.md"])
def test_every_file_that_a_page_names_exists(page: str) -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=True).stdout
    ends = {"/".join(path.split("/")[start:]) for path in tracked.splitlines() for start in range(path.count("/") + 1)}
    named = set(re.findall(r"`([\w./-]+\.(?:py|sql|md|toml))`", (_ROOT / page).read_text()))
    assert named - ends == set()


def test_every_name_that_the_page_finds_in_a_file_is_defined_there() -> None:
    page = (_ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`(\w+)`\s+in\s+`([\w./-]+\.py)`", page)
    folders = (_ROOT, _ROOT / "relay")
    missing = {(name, path) for name, path in named if not any(_defines(folder / path, name) for folder in folders)}
    assert named
    assert missing == set()


def _defines(path: Path, name: str) -> bool:
    definition = rf"^(?:\s*(?:async )?def |\s*class |){name}\b"
    return path.exists() and bool(re.search(definition, path.read_text(), re.MULTILINE))
