"""What is shipped for running the bot shuts it in."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/pixverse-relay.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_calls_the_unit_closed() -> None:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    score = re.search(r"exposure level for \S+: ([0-9.]+)", said.stdout)
    assert score is not None, said.stderr
    assert float(score[1]) < 3


def test_each_group_of_the_unit_says_why() -> None:
    lines = UNIT.read_text().split("[Service]")[1].split("[Install]")[0].splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith("LimitNOFILE"))
    assert lines[begins - 1].startswith("# ")
    for before, line in zip(lines[begins:], lines[begins + 1 :], strict=False):
        assert before or not line or line.startswith("#")


@pytest.mark.parametrize(
    "line",
    [
        "    read_only: true",
        "    cap_drop: [ALL]",
        '    security_opt: ["no-new-privileges:true"]',
        "    mem_limit: 1g",
        "    memswap_limit: 1g",
        "    pids_limit: 128",
        "      core: 0",
    ],
)
def test_the_container_is_read_only_and_bounded(line: str) -> None:
    assert line in (ROOT / "compose.yaml").read_text().splitlines()


@pytest.mark.parametrize("name", ["Dockerfile", "README.md", "tools/environment"])
def test_packages_come_as_wheels_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    installs = re.findall(r".*--require-hashes -r.*", text)
    assert installs
    assert all("--only-binary :all: --require-hashes -r" in line for line in installs)
