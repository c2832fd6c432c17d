"""The virtual environment is made once; what it cannot be made of is said in one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Stands for Python: notes each call, and makes a "virtual environment" whose Python is itself.
FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "{calls}"
case "$*" in
    *version_info*) exit {too_old} ;;
    *ensurepip*) exit {no_venv} ;;
    "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
    "-m pip install "*) exit {no_network} ;;
    -V) echo "Python 3.10.9" ;;
esac
"""


class Project:
    """A copy of what makes the environment, in a folder with a blank in its name."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "my relay"
        self.calls = folder / "calls"
        self.python = folder / "fake python"
        (self.root / "requirements").mkdir(parents=True)
        shutil.copytree(ROOT / "tools", self.root / "tools")
        for name in ("run", "postgres", "sandbox", "cluster", "dev"):
            (self.root / "requirements" / f"{name}.lock").write_text(name)
        self.use_python()

    def use_python(self, too_old: int = 0, no_venv: int = 0, no_network: int = 0) -> None:
        text = FAKE_PYTHON.format(calls=self.calls, too_old=too_old, no_venv=no_venv, no_network=no_network)
        self.python.write_text(text)
        self.python.chmod(0o755)

    def make(self, *wanted: str, python: str | None = None) -> subprocess.CompletedProcess[str]:
        self.calls.write_text("")
        return subprocess.run(
            [self.root / "tools" / "environment", *wanted],
            env={"PATH": "/usr/bin:/bin", "PYTHON": python or str(self.python)},
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> list[str]:
        """The lock files that pip was given in the last call."""
        return [line.rsplit("/", 1)[1] for line in self.calls.read_text().splitlines() if "pip install" in line]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_second_run_calls_nothing(project: Project) -> None:
    assert project.make("dev").returncode == 0
    assert project.installed() == ["dev.lock"]
    assert project.make("dev").returncode == 0
    assert project.calls.read_text() == ""


def test_a_changed_lock_file_is_installed(project: Project) -> None:
    project.make("dev")
    (project.root / "requirements" / "dev.lock").write_text("newer")
    project.make("dev")
    assert project.installed() == ["dev.lock"]


def test_a_larger_environment_serves_a_smaller_need_but_not_the_reverse(project: Project) -> None:
    project.make("run", "sandbox", "dev")
    project.make("dev")
    assert project.installed() == ["dev.lock"]
    project.make("run", "sandbox", "dev")
    assert project.installed() == []


def test_a_failed_installation_is_tried_again(project: Project) -> None:
    project.use_python(no_network=1)
    assert project.make("dev").returncode != 0
    project.use_python()
    shutil.copy(project.python, project.root / ".venv" / "bin" / "python")
    assert project.make("dev").returncode == 0
    assert project.installed() == ["dev.lock"]


def test_a_moved_folder_gets_a_new_environment(project: Project, tmp_path: Path) -> None:
    project.make("dev")
    project.root = project.root.rename(tmp_path / "moved")
    project.make("dev")
    assert "-m venv .venv" in project.calls.read_text()
    assert project.installed() == ["dev.lock"]


@pytest.mark.parametrize(
    ("fault", "named"), [({"no_venv": 1}, "python3-venv"), ({"too_old": 1}, "Python 3.10.9 is too old")]
)
def test_a_missing_tool_is_one_line(project: Project, fault: dict[str, int], named: str) -> None:
    project.use_python(**fault)
    result = project.make("dev")
    assert result.returncode != 0
    assert named in result.stderr
    assert len((result.stdout + result.stderr).splitlines()) == 1
    assert not (project.root / ".venv").exists()


def test_a_missing_python_is_one_line(project: Project) -> None:
    result = project.make("dev", python="no-such-python")
    assert result.returncode != 0
    assert len(result.stderr.splitlines()) == 1
    assert "no-such-python" in result.stderr
