from __future__ import annotations

import io
import json
import logging
import re
from typing import Any

import discord
import pytest
from discord import app_commands

import logs

USEAPI = "user:4321-Zq8RkP2mVtX6wYb3NcHd"
DISCORD = "MTIzNDU2Nzg5MDEyMzQ1Njc4.GaBcDe.kQ3xZ7vN1mPqRsTuVwXyZ0123456789abcdef"
EMAIL = "somebody@example.org"
CALLBACK = "https://relay.example.org/bots/callback/q3Zt0xV9mKf2Lr7Yw5Nc8Jb1Hd6Ps4Ga_-TuEoXiAyU"
SECRETS = (USEAPI, DISCORD, EMAIL, CALLBACK.rpartition("/")[2])


_LINE_ENDS = "one\ntwo\r\x0b\x0c\x1c\x85\u2028three \udcff"
"""Everything that some reader treats as the end of a line, and a lone surrogate."""


def _tell_everything() -> None:
    log = logging.getLogger("relay.somewhere")
    for secret in (USEAPI, DISCORD, EMAIL, CALLBACK):
        log.warning("asked with %s", secret)
    try:
        raise ValueError(f"{USEAPI} and {DISCORD} of {EMAIL}")
    except ValueError:
        log.exception("it broke")


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.usefixtures("restored")
def test_no_secret_is_in_a_line(form: str) -> None:
    stream = io.StringIO()
    logs.set_up("DEBUG", form, stream)
    _tell_everything()
    written = stream.getvalue()
    assert written.count("asked with") == len(SECRETS)
    assert "Traceback" in written
    assert [secret for secret in SECRETS if secret in written] == []


@pytest.mark.usefixtures("restored")
def test_a_json_line_is_one_object() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "json", stream)
    logging.getLogger("relay.somewhere").warning(_LINE_ENDS)
    _tell_everything()
    first, *lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert first["message"] == _LINE_ENDS
    assert len(lines) == len(SECRETS) + 1
    assert {line["logger"] for line in lines} == {"relay.somewhere"}
    assert lines[0]["level"] == "WARNING"
    assert "ValueError" in lines[-1]["traceback"]


@pytest.mark.usefixtures("restored")
def test_libraries_never_log_their_payloads() -> None:
    stream = io.StringIO()
    logs.set_up("DEBUG", "text", stream)
    for name in ("discord.gateway", "aiohttp.access", "asyncio", "aiosqlite"):
        logging.getLogger(name).debug("a payload")
    logging.getLogger("relay").debug("our own")
    logging.getLogger("psycopg.pool").info("a payload that was lent")
    assert "a payload" not in stream.getvalue()
    assert "our own" in stream.getvalue()


@pytest.mark.usefixtures("restored")
def test_a_failed_connection_of_discord_py_is_one_line() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream)
    try:
        raise OSError("no route")
    except OSError:
        logging.getLogger("discord.client").exception("Attempting a reconnect in %.2fs", 1.5)
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("Attempting a reconnect in 1.50s (OSError: no route)")


async def _status(interaction: discord.Interaction) -> None:
    """A command's function."""


def _in_a_command(error: Exception) -> app_commands.CommandInvokeError:
    command: app_commands.Command[Any, ..., None]
    command = app_commands.Command(name="status", description="A job", callback=_status)
    return app_commands.CommandInvokeError(command, error)


def _told(logger: str, error: Exception) -> str:
    """What is logged when discord.py has caught the error."""
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream)
    try:
        raise error
    except type(error):
        logging.getLogger(logger).exception("Ignoring exception in %s", "it")
    return stream.getvalue()


@pytest.mark.usefixtures("restored")
def test_a_command_without_discord_s_response_is_one_line() -> None:
    (line,) = _told("discord.app_commands.tree", _in_a_command(TimeoutError("no answer"))).splitlines()
    assert "no answer" in line


@pytest.mark.parametrize("error", [KeyError("a fault"), _in_a_command(KeyError("a fault"))])
@pytest.mark.usefixtures("restored")
def test_an_internal_error_caught_by_discord_py_is_logged_with_its_location(error: Exception) -> None:
    first, *rest = _told("discord.client", error).splitlines()
    assert first.endswith("Ignoring exception in it")
    assert rest[0].startswith("Traceback")
    assert "in _told" in rest[1]


class _Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _broken(name: str, message: str, error: Exception) -> None:
    """Raises an error of a library, always on the same line."""
    try:
        raise error
    except type(error):
        logging.getLogger(name).exception(message)


def _again(written: str) -> list[str]:
    return re.findall(r"came again (\d+) times", written)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("name", ["asyncio", "aiohttp.server", "discord.client", "web.http_connection"])
@pytest.mark.usefixtures("restored")
def test_a_repeated_error_is_logged_once_and_then_counted(name: str, form: str) -> None:
    stream, clock = io.StringIO(), _Clock()
    logs.set_up("INFO", form, stream, clock)
    for number in range(1000):
        _broken(name, f"it failed\nobject: <Task-{number}>", ValueError(f"bytes of a stranger {number}"))
    assert stream.getvalue().count("Traceback") == 1
    assert _again(stream.getvalue()) == []
    clock.seconds += 60
    logging.getLogger("relay").info("something else")
    assert _again(stream.getvalue()) == ["999"]
    for _ in range(5):
        clock.seconds += 11
        _broken(name, "it failed", ValueError("again"))
    clock.seconds += 5
    logging.getLogger("relay").info("something else")
    assert _again(stream.getvalue()) == ["999", "5"]
    assert stream.getvalue().count("Traceback") == 1


@pytest.mark.usefixtures("restored")
def test_remaining_counts_are_logged_at_the_end() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream, _Clock())
    for _ in range(3):
        _broken("asyncio", "it failed", ValueError())
    logging.getLogger().handlers[-1].close()
    assert _again(stream.getvalue()) == ["2"]


@pytest.mark.usefixtures("restored")
def test_after_a_quiet_minute_an_error_is_logged_in_full_again() -> None:
    stream, clock = io.StringIO(), _Clock()
    logs.set_up("INFO", "text", stream, clock)
    _broken("asyncio", "it failed", ValueError())
    clock.seconds += 60
    _broken("asyncio", "it failed", ValueError())
    assert stream.getvalue().count("Traceback") == 2


@pytest.mark.usefixtures("restored")
def test_other_errors_and_our_own_lines_are_always_logged() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream, _Clock())
    for error in (ValueError(), KeyError(), OSError()):
        for message in ("it failed", "it failed otherwise"):
            _broken("asyncio", message, error)
    for _ in range(5):
        _broken("relay.posting", "it failed", ValueError())
        logging.getLogger("discord.client").info("connected")
    assert stream.getvalue().count("Traceback") == 6 + 5
    assert stream.getvalue().count("connected") == 5


@pytest.mark.usefixtures("restored")
def test_the_number_of_remembered_errors_is_bounded() -> None:
    stream = io.StringIO()
    logs.set_up("INFO", "text", stream, _Clock())
    for _ in range(2):
        logging.getLogger("asyncio").error("the first")
    for number in range(1000):
        logging.getLogger(f"asyncio.{number}").error("it failed")
    assert len(stream.getvalue().splitlines()) == 1002
    assert _again(stream.getvalue()) == ["1"]
    logging.getLogger("asyncio").error("the first")
    assert len(stream.getvalue().splitlines()) == 1003, "it was forgotten"
