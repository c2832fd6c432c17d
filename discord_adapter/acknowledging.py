"""The first answer to an interaction: Discord takes one, for three seconds, and tells where it has one already.

discord.py gives up where a connection breaks, and where its own repeat is told that the first try was taken. So an
answer whose fate is open is given again, which doubles nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp
import discord

from discord_adapter.request_trace import may_be_stored, remembered_statuses

log = logging.getLogger(__name__)

Respond = Callable[[], Awaitable[object]]
Sleep = Callable[[float], Awaitable[None]]

_WAITS = (0.1, 0.5)
"""Seconds between two tries: the last one still comes within the three seconds."""
_LONGEST = 6.0
"""Seconds until it is left open. discord.py repeats an answer to which Discord said 5xx after one second and after four
in all, and the second of these is told for certain whether an earlier one was taken."""
_UNKNOWN_INTERACTION = 10062


async def acknowledge(respond: Respond, sleep: Sleep) -> bool:
    """Answers, and tells whether that stands or may stand; where it does not, the log says why."""
    with remembered_statuses() as statuses:
        try:
            async with asyncio.timeout(_LONGEST):
                return await _answered(respond, sleep, statuses)
        except TimeoutError:
            log.info("Discord does not say whether it has taken a first answer")
            return True


async def _answered(respond: Respond, sleep: Sleep, statuses: list[int]) -> bool:
    reason = ""
    for wait in (*_WAITS, 0.0):
        try:
            await respond()
            return True
        except discord.HTTPException as refusal:
            reason = str(refusal)
            if refusal.code == _UNKNOWN_INTERACTION:
                return _not_taken(reason)
            if not _passes(refusal):
                break
        except (aiohttp.ClientError, OSError) as error:
            reason = type(error).__name__
        await sleep(wait)
    # Discord's word that it has an answer counts only after a try of ours: it may be that of another process.
    return may_be_stored(statuses) or _not_taken(reason)


def _passes(refusal: discord.HTTPException) -> bool:
    return refusal.status == HTTPStatus.TOO_MANY_REQUESTS or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _not_taken(reason: str) -> bool:
    log.warning("Discord takes no answer to what was asked, so nothing was done: %s", reason)
    return False
