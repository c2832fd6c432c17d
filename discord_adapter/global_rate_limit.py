"""The end of Discord's global rate limit, told to discord.py whoever has been cancelled meanwhile.

discord.py 2.7.1 holds back all requests while a global limit lasts, and lets them go in the one that met it, after its
sleep (http.py, `HTTPClient.request`). Where that one is cancelled or times out in its sleep, it never does, and every
later request waits for ever (disnake#1585). No caller has to know this: it is mended here, where every answer of
Discord's passes by.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from http import HTTPStatus

import aiohttp
from discord.http import HTTPClient

_MARGIN_SECONDS = 0.1
"""discord.py itself comes first."""
_LONGEST_SECONDS = 3600.0


class GlobalLimit:
    """Lets requests go again once the limit that Discord told of is over."""

    def __init__(self, http: Callable[[], HTTPClient]) -> None:
        self._http = http
        self._ends_at = 0.0

    async def note(self, response: aiohttp.ClientResponse) -> None:
        """To be told of every answer of Discord's."""
        if response.status != HTTPStatus.TOO_MANY_REQUESTS:
            return
        seconds = _seconds_of(await response.read())
        if seconds is None:
            return
        loop = asyncio.get_running_loop()
        self._ends_at = max(self._ends_at, loop.time() + seconds)
        loop.call_later(seconds + _MARGIN_SECONDS, self._over)

    def _over(self) -> None:
        # A limit that was met later lasts longer.
        if asyncio.get_running_loop().time() >= self._ends_at:
            self._http()._global_over.set()  # noqa: SLF001


def _seconds_of(body: bytes) -> float | None:
    """How long the global limit lasts; None where the answer tells of none."""
    try:
        told = json.loads(body)
        seconds = float(told["retry_after"]) if told["global"] is True else math.nan
    except (ValueError, TypeError, KeyError, LookupError):
        return None
    return min(max(seconds, 0.0), _LONGEST_SECONDS) if math.isfinite(seconds) else None
