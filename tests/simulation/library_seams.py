"""Replaces parts of libraries that can't be passed in, for a whole process: discord.py's HTTP session, clock and
heartbeat thread, and how gettext reads a catalogue.

A simulation runs in its own process (`tests/simulation/children.py`), so nothing else is affected.
"""

from __future__ import annotations

import gettext
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
import discord.backoff
import discord.gateway
import discord.http
import discord.ui.view
import discord.utils

from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import FormData

_GNU_TRANSLATIONS = gettext.GNUTranslations

NewSession = Callable[[aiohttp.TraceConfig | None], Any]


class _Aiohttp:
    """The module `aiohttp` as discord.py's HTTP client sees it."""

    FormData = FormData

    def __init__(self, new_session: NewSession) -> None:
        self._new_session = new_session

    def __getattr__(self, name: str) -> Any:
        return getattr(aiohttp, name)

    def ClientSession(self, *, trace_configs: Any = None, **_: object) -> Any:  # noqa: N802 - aiohttp's name
        return self._new_session(trace_configs[0] if trace_configs else None)

    def TCPConnector(self, **_: object) -> Any:  # noqa: N802 - aiohttp's name
        return SimpleNamespace(close=lambda: None)


class _SeededRandom(Random):
    """A seeded source of randomness: discord.py seeds its backoff from the system."""

    def seed(self, *_: object) -> None:
        super().seed(1)


def read_catalogues_once() -> None:
    """From now on gettext reads each catalogue once, not once in each life of the process."""
    read: dict[str, gettext.GNUTranslations] = {}

    def catalogue(file: Any) -> gettext.GNUTranslations:
        if file.name not in read:
            read[file.name] = _GNU_TRANSLATIONS(file)
        return read[file.name]

    setattr(gettext, "GNUTranslations", catalogue)  # noqa: B010 - mypy forbids to assign to a class


def put_discord_py_into(clock: VirtualClock, new_session: NewSession) -> None:
    """From now on discord.py uses this clock, and sessions that `new_session` makes."""
    watch = SimpleNamespace(time=lambda: clock.now() / 1000, monotonic=clock.monotonic, perf_counter=clock.monotonic)
    for module, name, seam in (
        (discord.http, "aiohttp", _Aiohttp(new_session)),
        (discord.gateway, "time", watch),
        (discord.ui.view, "time", watch),
        (discord.backoff, "random", SimpleNamespace(Random=_SeededRandom)),
        (discord.gateway.KeepAliveHandler, "start", lambda _handler: None),
    ):
        setattr(module, name, seam)
    discord.utils.utcnow = lambda: datetime.fromtimestamp(clock.now() / 1000, UTC)
