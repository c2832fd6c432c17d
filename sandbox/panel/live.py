"""Keeps the page up to date: server-sent events, one for each section that has changed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping

from aiohttp import ClientConnectionError, web

_TOGETHER_S = 0.2
"""Changes within this time are sent together. It is also the polling interval, because no event reports a job's
progress.
"""


class Live:
    """Sends changed sections to all open pages.

    Args:
        look: Returns the current sections as JSON.
    """

    def __init__(self, look: Callable[[], Mapping[str, object]]) -> None:
        self._look = look
        self._over = asyncio.Event()

    async def listen(self, request: web.Request) -> web.StreamResponse:
        """Serves a page's event stream until it is closed."""
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
