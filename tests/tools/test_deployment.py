"""The files for running the bot confine it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy/pixverse-relay.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_rates_the_unit_as_confined() -> None:
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


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_knows_each_directive_of_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"(?m)^ExecStart=.*$", f"ExecStart={sys.executable}", UNIT.read_text()))
    said = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60, check=False
    )
    assert UNIT.name not in said.stderr


@pytest.mark.parametrize(
    "line",
    [
        "ReadWritePaths=/opt/pixverse-relay/data",
        "ProtectSystem=strict",
        "ProtectHome=true",
        "NoNewPrivileges=true",
        "CapabilityBoundingSet=",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "SystemCallFilter=@system-service",
        "MemoryMax=1G",
        "TasksMax=128",
        "LimitNOFILE=4096",
        "LimitCORE=0",
        "UMask=0077",
        "WatchdogSec=60",
        "#LoadCredential=discord_token:/etc/pixverse-relay/discord_token",
    ],
)
def test_the_unit_provides_what_the_bot_needs_and_no_more(line: str) -> None:
    assert line in UNIT.read_text().splitlines()


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
        '    tmpfs: ["/tmp:size=16m,mode=1777,noexec,nosuid,nodev"]',
        "    restart: unless-stopped",
        "      HTTP_PORT: ${HTTP_PORT:-8080}",
    ],
)
def test_the_container_is_read_only_and_limited(line: str) -> None:
    assert line in (ROOT / "compose.yaml").read_text().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        "      DATABASE_URL: ${DATABASE_URL:-sqlite:////app/data/relay.db}",
        "        LOCK: ${LOCK:-run}",
    ],
)
def test_without_settings_compose_runs_one_bot_on_sqlite(line: str) -> None:
    text = (ROOT / "compose.yaml").read_text()
    assert line in text.splitlines()
    services = re.findall(r"(?m)^  ([\w-]+):(?: &\w+)?\n((?:    .*\n|\n)*)", text.split("\nvolumes:")[0])
    assert {name: "    profiles: [postgres]" in body.splitlines() for name, body in services} == {
        "relay": False,
        "relay-2": True,
        "postgres": True,
    }


def test_a_process_has_time_to_hand_over_before_it_is_killed() -> None:
    seconds = re.findall(r"(?m)^    stop_grace_period: (\d+)s$", (ROOT / "compose.yaml").read_text())
    seconds += re.findall(r"(?m)^TimeoutStopSec=(\d+)$", UNIT.read_text())
    assert len(seconds) == 3
    assert min(map(int, seconds)) > cli._SECONDS_TO_HAND_OVER


@pytest.mark.parametrize("name", ["Dockerfile", "README.md", "tools/environment"])
def test_packages_come_as_wheels_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    installs = re.findall(r".*--require-hashes -r.*", text)
    assert installs
    assert all("--only-binary :all: --require-hashes -r" in line for line in installs)


def test_dependabot_finds_the_base_image_by_its_name() -> None:
    froms = re.findall(r"(?m)^FROM (\S+)(?: AS (\w+))?$", (ROOT / "Dockerfile").read_text())
    assert re.fullmatch(r"python:3\.\d+-slim(?:@sha256:[0-9a-f]{64})?", froms[0][0])
    assert [name for name, _ in froms[1:]] == ["${PYTHON_IMAGE}"] * 2
    assert f"ARG PYTHON_IMAGE={froms[0][1]}" in (ROOT / "Dockerfile").read_text().splitlines()
    assert "  - package-ecosystem: docker" in (ROOT / ".github/dependabot.yml").read_text().splitlines()


@pytest.mark.parametrize(
    "line",
    [
        '        python: ["3.11", "3.12", "3.13", "3.14"]',
        "      - run: .ci/run",
        "      - run: pipx run pip-audit --require-hashes --disable-pip -r requirements/run.lock",
        "  contents: read",
    ],
)
def test_the_workflow_tests_each_python_and_audits_the_packages(line: str) -> None:
    assert line in (ROOT / ".github/workflows/checks.yml").read_text().splitlines()


@pytest.mark.parametrize("name", ["compose.yaml", ".github/workflows/checks.yml", ".github/dependabot.yml"])
def test_the_indentation_is_valid_yaml(name: str) -> None:
    for line in (ROOT / name).read_text().splitlines():
        assert "\t" not in line
        assert (len(line) - len(line.lstrip())) % 2 == 0
        assert not line.strip() or re.match(r"\s*(?:#|- |[\w-]+:|<<:)", line)
