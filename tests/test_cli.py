"""The exit codes for the ways in which the bot ends."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import ClassVar

import pytest

import cli
import logs
from storage.errors import StorageUnavailable

TOKEN = "user:4321-Zq8RkP2mVtX6wYb3NcHd"


@pytest.fixture
def written(restored: None) -> io.StringIO:
    """The log, as JSON."""
    stream = io.StringIO()
    logs.set_up("INFO", "json", stream)
    return stream


def test_an_unexpected_error_is_logged_like_any_other_line(written: io.StringIO) -> None:
    async def broken() -> None:
        raise LookupError(f"no answer for {TOKEN}")

    assert cli._exit_code(broken(), cli.Deadline()) == cli.FAILED
    (line,) = [json.loads(line) for line in written.getvalue().splitlines()]
    assert "LookupError" in line["traceback"]
    assert TOKEN not in written.getvalue()


def test_a_database_that_fails_during_a_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise StorageUnavailable("the connection was lost")

    assert cli._exit_code(broken(), cli.Deadline()) == cli.MISCONFIGURED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("The database can't be used (the connection was lost). Nothing was left half done.")


class _Timer:
    """Records how long it would wait."""

    running: ClassVar[list[float]] = []

    def __init__(self, seconds: float, *_: object) -> None:
        self._seconds = seconds

    def start(self) -> None:
        self.running.append(self._seconds)

    def cancel(self) -> None:
        self.running.remove(self._seconds)


def test_a_process_may_take_longer_once_others_take_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "threading", SimpleNamespace(Timer=_Timer))
    monkeypatch.setattr(cli, "time", SimpleNamespace(monotonic=iter((100.0, 100.0, 103.0)).__next__))
    deadline = cli.Deadline()
    deadline.extend()
    assert _Timer.running == []
    deadline.begin()
    assert _Timer.running == [9.0]
    deadline.extend()
    assert _Timer.running == [25.0]
