"""Waiting for everything that happens by itself, without any time passing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

_TURNS = 200_000


async def until_idle() -> None:
    """Until nothing is left to do before a clock moves or somebody answers.

    Only for what has no thread of its own: databases of `inline_database.py`, a clock that is moved by hand. No two
    tasks may wait here at once.
    """
    ready = cast("Any", asyncio.get_running_loop())._ready
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("there is always something to do")
