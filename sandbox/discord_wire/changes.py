"""Waiting for something to become true, without fixed sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LOOK_AGAIN_S = 0.25  # for conditions outside Discord, whose changes don't wake the waiter


class Changes:
    """Wakes every waiter whenever something changes in the sandbox."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Wakes all waiters."""
        waiting, self._waiting = self._waiting, set()
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def until(self, condition: Callable[[], T], *, timeout_s: float, what: Callable[[], str]) -> T:
        """Wait until the condition returns a true value, and return it.

        Raises:
            TimeoutError: it didn't within `timeout_s` seconds; the message is `what()`.
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
