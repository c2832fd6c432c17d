"""Waiting for something to become true, without fixed sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK_AGAIN_S = 0.25  # for conditions about something outside Discord, whose changes are not told here


class Changes:
    """Wakes whoever waits each time that anything happened in the sandbox."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Tells that something happened."""
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], T], *, timeout_s: float, what: Callable[[], str]) -> T:
        """Wait until the condition returns something true, and return that.

        Raises:
            TimeoutError: not within `timeout_s` seconds; `what` says what was waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while not (value := condition()):
            left = deadline - loop.time()
            if left <= 0:
                raise TimeoutError(what())
            waiter = loop.create_future()
            self._waiting.add(waiter)
            await asyncio.wait([waiter], timeout=min(left, _LOOK_AGAIN_S))
            self._waiting.discard(waiter)
        return value
