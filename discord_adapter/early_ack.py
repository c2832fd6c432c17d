"""Knows that Discord has stored a message as soon as Discord says so.

discord.py 2.7.1 keeps an answer to itself until the rate limit is over where the answer uses that up (http.py,
`Ratelimit.__aexit__`): for some seconds a message would stand in the channel, and nothing here would know.
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
    """To be told of every answer, in the task that asked."""
    stored = _stored.get()
    if stored is None or stored.done() or response.status != HTTPStatus.OK:
        return
    # Kept by aiohttp for whoever reads it next.
    message_id = _message_id(await response.read())
    if message_id is not None and not stored.done():
        stored.set_result(message_id)


class EarlyAcks:
    """Waits for messages to be stored, and lets discord.py wait for its limits without them."""

    def __init__(self) -> None:
        self._asleep: set[asyncio.Task[int]] = set()

    async def first(self, sending: Awaitable[int]) -> int:
        """The message's id, from Discord's answer or from `sending`, which is cancelled with its caller and raises to
        it."""
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
