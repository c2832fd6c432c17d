"""Waits until all tasks are idle, without any time passing."""

from __future__ import annotations

import asyncio
from typing import Any, cast

_TURNS = 200_000


async def until_idle() -> None:
    """Returns when nothing happens any more until a clock moves or somebody responds.

    Works only without threads: with databases of `inline_database.py` and a clock that is moved by hand. Two tasks may
    not wait here at once.
    """
    ready = cast("Any", asyncio.get_running_loop())._ready
    for _ in range(_TURNS):
        await asyncio.sleep(0)
        if not ready:
            return
    raise AssertionError("there is always something to do")
