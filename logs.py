"""Log lines for people and for machines. Tokens and e-mail addresses are hidden in every line."""

from __future__ import annotations

import json
import logging
import math
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

import aiohttp
import discord
from discord import app_commands

from pixverse.token_text import redact

_QUIET_LIBRARIES = ("discord", "aiohttp", "asyncio", "aiosqlite", "psycopg")
"""Below INFO these libraries log whole payloads, including what was typed into a form."""
_COUNTED_LOGGERS = frozenset({*_QUIET_LIBRARIES, "web"})
"""Strangers can cause warnings of these loggers again and again."""
_COUNTED_SECONDS = 60.0
_MAX_FAULTS = 200
_Fault = tuple[str, int, str, str, str]
"""Logger, level, first line of the message without its arguments, the error's class, and where it was raised."""
_DISCORD_AWAY = (
    discord.HTTPException,
    discord.RateLimited,
    discord.GatewayNotFound,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    OSError,
)


class TextFormatter(logging.Formatter):
    """`2026-11-24 10:15:00 INFO relay.polling.poller: …`, with secrets hidden and tracebacks."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, if there is one, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(line)


class _DiscordAway(logging.Filter):
    """Turns discord.py's traceback of a failed connection or request into one line: an outage of Discord is not a bug.

    An error of the bot itself that discord.py caught, in a listener or a button, keeps its traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.name.startswith("discord.") and _is_of_discord(error):
            record.msg = f"{record.getMessage()} ({type(error).__name__}: {error})"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
        return True


def _is_of_discord(error: BaseException | None) -> bool:
    cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
    return isinstance(cause, _DISCORD_AWAY)


@dataclass(slots=True)
class _Repeated:
    """A fault that has been logged."""

    logged_at: float
    line: str
    count: int = 0
    """How often it occurred since it was last logged."""


class _Handler(logging.StreamHandler[TextIO]):
    """Writes records. A repeated fault of a library is written once, and then at most once a minute with a count:
    otherwise anybody who can cause a fault could fill the log.

    A count is written before the next record, or at the end.
    """

    def __init__(self, stream: TextIO, monotonic: Callable[[], float]) -> None:
        super().__init__(stream)
        self._monotonic = monotonic
        self._logged: dict[_Fault, _Repeated] = {}
        """The faults that were logged, in the order of their last log line."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_new(record):
                super().emit(record)
        except Exception:  # Like logging's own handlers: a line that can't be written stops nothing.
            self.handleError(record)

    def _is_new(self, record: logging.LogRecord) -> bool:
        now = self._monotonic()
        self._write_counts(now - _COUNTED_SECONDS)
        fault = _fault_of(record)
        if fault is None:
            return True
        if fault in self._logged:
            self._logged[fault].count += 1
            return False
        if len(self._logged) == _MAX_FAULTS:
            oldest = next(iter(self._logged))
            self._write_count(oldest)
            self._logged.pop(oldest, None)
        self._logged[fault] = _Repeated(now, record.getMessage().partition("\n")[0])
        return True

    def close(self) -> None:
        self._write_counts(math.inf)
        super().close()

    def _write_counts(self, logged_until: float) -> None:
        """Writes the counts of all faults that were logged last at `logged_until` or before."""
        for fault in [fault for fault, repeated in self._logged.items() if repeated.logged_at <= logged_until]:
            self._write_count(fault)

    def _write_count(self, fault: _Fault) -> None:
        """Writes how often a fault was repeated. A fault that was not is forgotten, and so logged in full the next
        time."""
        repeated = self._logged.pop(fault)
        if repeated.count == 0:
            return
        name, level, *_ = fault
        again = f"{repeated.line} (came again {repeated.count} times)"
        super().emit(logging.LogRecord(name, level, "", 0, again, None, None))
        self._logged[fault] = _Repeated(self._monotonic(), repeated.line)


def _fault_of(record: logging.LogRecord) -> _Fault | None:
    """What makes two records the same fault; None for a record that is always logged."""
    if record.levelno < logging.WARNING or record.name.partition(".")[0] not in _COUNTED_LOGGERS:
        return None
    error = record.exc_info[1] if record.exc_info else None
    places = traceback.extract_tb(error.__traceback__) if error is not None else []
    place = f"{places[-1].filename}:{places[-1].lineno}" if places else ""
    return record.name, record.levelno, str(record.msg).partition("\n")[0], type(error).__name__, place


def set_up(
    level: str, log_format: str, stream: TextIO = sys.stderr, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Sends every log record to `stream`. `level` is a level's name; `log_format` is `text` or `json`."""
    handler = _Handler(stream, monotonic)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_DiscordAway())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))
    # psycopg's pool logs each connection that it hands out.
    logging.getLogger("psycopg").setLevel(max(logging.getLogger().level, logging.WARNING))
