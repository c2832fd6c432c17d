"""Log lines for people and for machines. Whatever is logged, no token and no e-mail address gets out."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

from aiohttp.http_exceptions import HttpProcessingError

from pixverse.tokens import redact

_QUIET_LIBRARIES = ("discord", "aiohttp", "asyncio", "aiosqlite")
"""Below INFO they write whole payloads, a modal's text included."""


class TextFormatter(logging.Formatter):
    """`2026-11-24 10:15:00 INFO relay.poller: …`, secrets blanked out, tracebacks included."""

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


class _ShardNoise(logging.Filter):
    """Turns discord.py's traceback for each failed connection attempt into one line: Discord being away is no fault."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None and record.name.startswith("discord."):
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} ({type(error).__name__}: {error})"
            record.args = ()
            record.exc_info = None
            record.exc_text = None
        return True


class _StrangersNoise(logging.Filter):
    """Drops aiohttp's traceback for each thing sent to the HTTP port that is no HTTP: anybody could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (record.name == "aiohttp.server" and isinstance(error, HttpProcessingError))


def set_up(level: str, log_format: str, stream: TextIO = sys.stderr) -> None:
    """Sends everything to `stream`. `level` is a level's name; `log_format` is `text` or `json`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_ShardNoise())
    handler.addFilter(_StrangersNoise())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))
