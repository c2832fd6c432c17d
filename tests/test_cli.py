"""The exit codes for the ways in which the bot ends."""

from __future__ import annotations

import io
import json

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

    assert cli._exit_code(broken()) == cli.FAILED
    (line,) = [json.loads(line) for line in written.getvalue().splitlines()]
    assert "LookupError" in line["traceback"]
    assert TOKEN not in written.getvalue()


def test_a_database_that_fails_during_a_command_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def broken() -> None:
        raise StorageUnavailable("the connection was lost")

    assert cli._exit_code(broken()) == cli.MISCONFIGURED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("The database takes nothing (the connection was lost). Nothing was left half done.")
