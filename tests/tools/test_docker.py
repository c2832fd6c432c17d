"""The image contains the whole bot: the test starts what the Dockerfile copies and .dockerignore lets through."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def _copied() -> list[str]:
    """What is copied from the project into the last stage."""
    last_stage = (ROOT / "Dockerfile").read_text().rsplit("FROM ", 1)[1]
    lines = [line.split()[1:-1] for line in last_stage.splitlines() if line.startswith("COPY ")]
    return [name for names in lines if not names[0].startswith("--from") for name in names]


def test_the_bot_starts_from_the_image_s_files(tmp_path: Path) -> None:
    let_through = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    for name in _copied():
        assert name in let_through
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(source, tmp_path / name)
    assert list((tmp_path / "ui/locales").rglob("relay.mo"))
    started = subprocess.run(
        [sys.executable, "bot.py"], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=30, check=False
    )
    assert (started.returncode, started.stdout) == (2, "")
    assert started.stderr.startswith("DISCORD_TOKEN")
    assert "Traceback" not in started.stderr
