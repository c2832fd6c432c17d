"""Waiting for a condition instead of sleeping."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds for what comes within one on an idle machine: a busy one makes everything late."""
_LOOK_AGAIN_SECONDS = 0.02


async def until(condition: Callable[[], T], timeout: float = PATIENCE, what: str = "") -> T:
    """Waits until the condition returns a true value, and returns it; TimeoutError after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while not (found := condition()):
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what or condition}")
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    return found
