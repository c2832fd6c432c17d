"""Learns that Discord has stored a message as soon as Discord's response arrives.

If a request uses up the rate limit, discord.py 2.7.1 returns its response only when the limit is over (http.py,
`Ratelimit.__aexit__`). For some seconds, a message would be in the channel without the bot's knowledge.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextvars import ContextVar
from http import HTTPStatus

import aiohttp

_stored: ContextVar[asyncio.Future[int] | None] = ContextVar("stored", default=None)


async def note_stored(response: aiohttp.ClientResponse) -> None:
    """Notes the message in a response. To be called for every response, in the task that made the request."""
    stored = _stored.get()
    if stored is None or stored.done() or response.status != HTTPStatus.OK:
        return
    # aiohttp keeps the body for later readers.
    message_id = _message_id(await response.read())
    if message_id is not None and not stored.done():
        stored.set_result(message_id)


class EarlyAcks:
    """Returns the id of a message as soon as it is stored, while discord.py still waits for its rate limit."""

    def __init__(self) -> None:
        self._asleep: set[asyncio.Task[int]] = set()

    async def first(self, sending: Awaitable[int]) -> int:
        """Returns the message's id, from Discord's response or from `sending`, whichever comes first.

        `sending` is cancelled together with the caller. Raises what `sending` raises.
        """
        stored: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        token = _stored.set(stored)
        task = asyncio.ensure_future(sending)
        _stored.reset(token)
        try:
            await asyncio.wait({task, stored}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not stored.done():
            return task.result()
        self._asleep.add(task)
        task.add_done_callback(self._woken)
        return stored.result()

    def _woken(self, task: asyncio.Task[int]) -> None:
        self._asleep.discard(task)
        if not task.cancelled():
            task.exception()


def _message_id(body: bytes) -> int | None:
    try:
        return int(json.loads(body)["id"])
    except (ValueError, TypeError, KeyError):
        return None
