"""Log lines for people and for machines. Whatever is logged, no token and no e-mail address gets out."""

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
"""Below INFO they write whole payloads, a modal's text included."""
_COUNTED_LOGGERS = frozenset({*_QUIET_LIBRARIES, "web"})
"""Their faults can be caused by strangers, again and again."""
_COUNTED_SECONDS = 60.0
_MOST_FAULTS = 200
_Fault = tuple[str, int, str, str, str]
"""Logger, level, message without its arguments and its further lines, the error's class, and where it was raised."""
_DISCORD_AWAY = (
    discord.HTTPException,
    discord.RateLimited,
    discord.GatewayNotFound,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    OSError,
)


class TextFormatter(logging.Formatter):
    """`2026-11-24 10:15:00 INFO relay.polling.poller: …`, secrets blanked out, tracebacks included."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, where there is one, the traceback."""

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
    """Turns discord.py's traceback for each connection or request that failed into one line: Discord being away is no
    fault. One of ours that discord.py caught, in a listener or a button, keeps its traceback."""

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
    """A fault that was told."""

    told_at: float
    line: str
    count: int = 0
    """How often it came again since then."""


class _Handler(logging.StreamHandler[TextIO]):
    """Writes each record, but a library's fault that comes again and again only once, and then, at most once a minute,
    how often it came. Whoever can cause a fault could else fill the log with it.

    A count is written before whatever is logged next, or at the end.
    """

    def __init__(self, stream: TextIO, monotonic: Callable[[], float]) -> None:
        super().__init__(stream)
        self._monotonic = monotonic
        self._told: dict[_Fault, _Repeated] = {}
        """By what makes two records the same fault; whoever was told longest ago stands first."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._is_to_be_told(record):
                super().emit(record)
        except Exception:  # As logging's own handlers do: a line that cannot be written stops nobody.
            self.handleError(record)

    def _is_to_be_told(self, record: logging.LogRecord) -> bool:
        now = self._monotonic()
        self._tell_counts(now - _COUNTED_SECONDS)
        fault = _fault_of(record)
        if fault is None:
            return True
        if fault in self._told:
            self._told[fault].count += 1
            return False
        if len(self._told) == _MOST_FAULTS:
            oldest = next(iter(self._told))
            self._tell_count(oldest)
            self._told.pop(oldest, None)
        self._told[fault] = _Repeated(now, record.getMessage().partition("\n")[0])
        return True

    def close(self) -> None:
        self._tell_counts(math.inf)
        super().close()

    def _tell_counts(self, told_until: float) -> None:
        """Of all faults that were told last at that time or before."""
        for fault in [fault for fault, repeated in self._told.items() if repeated.told_at <= told_until]:
            self._tell_count(fault)

    def _tell_count(self, fault: _Fault) -> None:
        """Those that did not come again are forgotten, so that they are told in full the next time."""
        repeated = self._told.pop(fault)
        if repeated.count == 0:
            return
        name, level, *_ = fault
        again = f"{repeated.line} (came again {repeated.count} times)"
        super().emit(logging.LogRecord(name, level, "", 0, again, None, None))
        self._told[fault] = _Repeated(self._monotonic(), repeated.line)


def _fault_of(record: logging.LogRecord) -> _Fault | None:
    """Two records with the same one are told once; None for a record that is always told."""
    if record.levelno < logging.WARNING or record.name.partition(".")[0] not in _COUNTED_LOGGERS:
        return None
    error = record.exc_info[1] if record.exc_info else None
    places = traceback.extract_tb(error.__traceback__) if error is not None else []
    place = f"{places[-1].filename}:{places[-1].lineno}" if places else ""
    return record.name, record.levelno, str(record.msg).partition("\n")[0], type(error).__name__, place


def set_up(
    level: str, log_format: str, stream: TextIO = sys.stderr, monotonic: Callable[[], float] = time.monotonic
) -> None:
    """Sends everything to `stream`. `level` is a level's name; `log_format` is `text` or `json`."""
    handler = _Handler(stream, monotonic)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_DiscordAway())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))
