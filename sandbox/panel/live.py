"""Keeps the page up to date: server-sent events, one for each section that has changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping

from aiohttp import ClientConnectionError, web

_TOGETHER_S = 0.2
"""Changes within this time are sent in one go; jobs change by the clock alone, which nobody reports."""


class Live:
    """Sends what has changed to every page that listens.

    Args:
        look: Gives every section as it is now, as JSON.
    """

    def __init__(self, look: Callable[[], Mapping[str, object]]) -> None:
        self._look = look
        self._over = asyncio.Event()

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """One page, from its first look until it is closed."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await stream.prepare(request)
        sent: dict[str, str] = {}
        with contextlib.suppress(ClientConnectionError):
            while not self._over.is_set():
                await self._send_news(stream, sent)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), _TOGETHER_S)
        return stream

    async def _send_news(self, stream: web.StreamResponse, sent: dict[str, str]) -> None:
        for name, section in self._look().items():
            text = json.dumps(section)
            if sent.get(name) != text:
                sent[name] = text
                await stream.write(f"event: {name}\ndata: {text}\n\n".encode())

    def end(self) -> None:
        """Ends every stream."""
        self._over.set()
