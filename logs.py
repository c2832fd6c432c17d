"""Log lines for people and for machines. Whatever is logged, no token and no e-mail address gets out."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

import aiohttp
import discord
from aiohttp.http_exceptions import HttpProcessingError
from discord import app_commands

from pixverse.tokens import redact

_QUIET_LIBRARIES = ("discord", "aiohttp", "asyncio", "aiosqlite")
"""Below INFO they write whole payloads, a modal's text included."""
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


class _StrangersNoise(logging.Filter):
    """Drops aiohttp's traceback for each thing sent to the HTTP port that is no HTTP: anybody could fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not (record.name == "aiohttp.server" and isinstance(error, HttpProcessingError))


def set_up(level: str, log_format: str, stream: TextIO = sys.stderr) -> None:
    """Sends everything to `stream`. `level` is a level's name; `log_format` is `text` or `json`."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(_DiscordAway())
    handler.addFilter(_StrangersNoise())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.getLogger().level, logging.INFO))
