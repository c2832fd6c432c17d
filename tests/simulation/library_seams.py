"""Where discord.py has no seam: its HTTP session, its clock and its heartbeat thread, replaced for a whole process.

A simulation runs in a process of its own (`tests/simulation/__main__.py`), so nobody else meets these.
"""

from __future__ import annotations

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
    """discord.py seeds the chance of its back-off by the system."""

    def seed(self, *_: object) -> None:
        super().seed(1)


def put_discord_py_into(clock: VirtualClock, new_session: NewSession) -> None:
    """From now on discord.py's connections are these, and its time is this clock's."""
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
