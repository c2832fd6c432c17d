"""Keeps this process's requests within its share of Discord's global rate limit, where several processes share it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import yarl

from discord_adapter.rate_limits import WITHOUT_BOT_TOKEN
from relay.ports import Sleep


def counts_globally(url: yarl.URL) -> bool:
    """Whether Discord counts a request against the bot's global limit.

    Interactions are not bound to it (developer docs, Rate Limits), and a connection to the gateway is no request of the
    API.
    """
    return url.scheme in ("http", "https") and not any(part in url.path for part in WITHOUT_BOT_TOKEN)


class RequestPacer:
    """Spaces requests evenly. `per_second` returns how many there may be now, `monotonic` seconds."""

    def __init__(
        self,
        per_second: Callable[[], float],
        monotonic: Callable[[], float],
        sleep: Sleep,
    ) -> None:
        self._per_second = per_second
        self._monotonic = monotonic
        self._sleep = sleep
        self._turns = asyncio.Lock()
        self._last = monotonic() - 1.0

    async def wait(self) -> None:
        """Waits for this request's turn, after those that have asked before."""
        async with self._turns:
            while (wait := self._last + 1.0 / self._per_second() - self._monotonic()) > 0:
                await self._sleep(wait)
            self._last = self._monotonic()
