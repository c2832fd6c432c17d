"""Writes the lock files: the newest versions that pyproject.toml allows, with hashes for every platform."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = Path("requirements")
OPTIONS = ("--quiet", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11")


def main() -> None:
    """Locks the largest set first; the smaller ones then take their versions from it."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        _run(f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "uv")
        compile_lock = (f"{folder}/bin/uv", "pip", "compile", *OPTIONS, "pyproject.toml")
        _run(*compile_lock, "--upgrade", "--all-extras", "--group", "dev", "--output-file", str(LOCKS / "dev.lock"))
        same_versions = ("--upgrade", "--constraints", str(LOCKS / "dev.lock"), "--output-file")
        cluster = ("--extra", "postgres", "--group", "cluster")
        _run(*compile_lock, *cluster, *same_versions, str(LOCKS / "cluster.lock"))
        _run(*compile_lock, "--group", "sandbox", *same_versions, str(LOCKS / "sandbox.lock"))
        _run(*compile_lock, "--extra", "postgres", *same_versions, str(LOCKS / "postgres.lock"))
        _run(*compile_lock, *same_versions, str(LOCKS / "run.lock"))


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        sys.exit(f"failed: {' '.join(command)}")


if __name__ == "__main__":
    main()
