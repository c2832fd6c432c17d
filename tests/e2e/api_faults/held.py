"""A response that is held while the test changes something, and may then be replaced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.pixverse_api.faults import Action, CarryOut


@dataclass(slots=True)
class HeldThen:
    """Waits for `release`, then plays `action`. Without `action`, carries the request out at once but answers after
    `release`.
    """

    action: Action | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        early = None if self.action is not None else await carry_out()
        self.reached.set()
        await self.release.wait()
        if self.action is not None:
            return await self.action.play(request, carry_out)
        assert early is not None
        return early
