"""A client for a sandbox in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any, Literal

import aiohttp

_ROOT = Path(__file__).resolve().parents[2]
_ENDS_WITHIN_S = 5.0


class OrderFailed(AssertionError):
    """The sandbox could not do it. `kind` is the name of the sandbox's own error, e.g. `NotAnswered`."""

    def __init__(self, order: str, kind: str, text: str) -> None:
        super().__init__(f"{order}: {kind}: {text}")
        self.kind = kind


class Remote:
    """One process that plays Discord or PixVerse."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, str]) -> None:
        self._process = process
        self._orders = told["orders"]
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None))
        self.told = told
        """What the process reported at its start: `bot_token` for Discord, `files` for PixVerse."""

    @classmethod
    async def start(cls, what: Literal["discord", "pixverse"], log: Path) -> Remote:
        """Starts the process; its events are added to the log."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox.standalone",
            what,
            "--log",
            str(log),
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        line = b"" if process.stdout is None else await process.stdout.readline()
        if not line:
            raise RuntimeError(f"the sandbox's {what} ended at its start with {await process.wait()}")
        return cls(process, json.loads(line))

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def order(self, order: str, **arguments: object) -> Any:  # noqa: ANN401 # JSON
        """Sends an order and returns its result.

        Raises:
            OrderFailed: the order failed.
        """
        async with self._session.post(f"{self._orders}/{order}", json=arguments) as response:
            answer = await response.json()
        if "failure" in answer:
            raise OrderFailed(order, answer["failure"], answer["text"])
        return answer["result"]

    async def stop(self) -> None:
        """Ends the process."""
        await self._session.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
