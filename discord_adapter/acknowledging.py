"""Acknowledges interactions. Discord accepts one first response, within three seconds, and reports if it has one.

discord.py gives up if the connection breaks, or if its own retry is told that the first try was accepted. So a response
whose fate is unknown is sent again; Discord accepts only one of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aiohttp
import discord

from discord_adapter.request_trace import may_be_stored, may_pass, remembered_statuses
from relay.ports import Sleep

log = logging.getLogger(__name__)

Respond = Callable[[], Awaitable[object]]

_WAITS = (0.1, 0.5)
"""Seconds between tries; the last try is still within the three seconds."""
_LONGEST = 6.0
"""Seconds after which the response's fate is left open. After a 5xx, discord.py repeats the request one second and four
seconds later, and by the second repeat Discord tells for certain whether it accepted an earlier one."""
_UNKNOWN_INTERACTION = 10062
_ALREADY_ACKNOWLEDGED = 40060


async def acknowledge(respond: Respond, sleep: Sleep) -> bool:
    """Sends the first response; returns whether Discord has accepted it, or may have. If not, logs why."""
    with remembered_statuses() as statuses:
        try:
            async with asyncio.timeout(_LONGEST):
                return await _answered(respond, sleep, statuses)
        except TimeoutError:
            log.info("Discord does not say whether it has accepted a first response")
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
            if refusal.code == _ALREADY_ACKNOWLEDGED and not may_be_stored(statuses):
                # While a shard is handed over, two processes get each interaction.
                log.debug("another process has acknowledged the interaction first")
                return False
            if not may_pass(refusal):
                break
        except (aiohttp.ClientError, OSError) as error:
            reason = type(error).__name__
        await sleep(wait)
    # "Already acknowledged" counts as success only if one of our tries may be stored: it may be another process's.
    return may_be_stored(statuses) or _not_taken(reason)


def _not_taken(reason: str) -> bool:
    log.warning("Discord does not accept the acknowledgement, so nothing was done: %s", reason)
    return False
