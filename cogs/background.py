"""Runs the bot's loops in the background, and restarts one that crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from discord.ext import commands

from relay.failures import Loop, LoopCrashes
from relay.ports import Clock


class Background(commands.Cog):
    """Runs the loops as long as the cog is loaded. Each loop handles failures of single items itself. If it crashes
    anyway, it is restarted, with growing delays if it keeps crashing."""

    def __init__(self, loops: Mapping[str, Loop], crashes: LoopCrashes, clock: Clock) -> None:
        self._loops = loops
        self._crashes = crashes
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []

    async def cog_load(self) -> None:
        """Starts every loop."""
        self._tasks = [asyncio.create_task(self._keep(name, loop), name=name) for name, loop in self._loops.items()]

    async def cog_unload(self) -> None:
        """Cancels every loop."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _keep(self, name: str, loop: Loop) -> None:
        while True:
            began_at = self._clock.monotonic()
            try:
                await loop()
                return
            except Exception as error:
                seconds = self._crashes.crashed(name, began_at, self._clock.monotonic(), error)
            await self._clock.sleep(seconds)
