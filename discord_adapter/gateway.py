"""Keeps the gateway connected, whatever ends a connection, and also where discord.py would wait for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from discord_adapter.client import DiscordTokenRefused, NotDiscord, RelayClient, reason_of

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

PATIENCE = 60.0
"""Seconds in which a shard that is away has to be back, or another one to come up: discord.py waits for ever for a
resume address that does not answer (Rapptz/discord.py#10511), and up to 17 minutes between two of its own tries."""

_LONGEST_WAIT = 60.0
_LONGEST_WAIT_REFUSED = 300.0
"""Each try costs one of the thousand log-ins that a bot has in a day (Discord developer docs, Gateway)."""
_ASK_SECONDS = 30.0
_CLOSE_SECONDS = 5.0
_LOOKS = 10

_TOKEN_REFUSED_CLOSE = 4004
_REFUSALS = {
    4010: "invalid shard",
    4011: "sharding required",
    4012: "invalid API version",
    4013: "invalid intents",
    4014: "disallowed intents",
}
"""Close codes after which a client is not to reconnect as it is; Discord developer docs, Gateway Close Event Codes."""


class _Stuck(Exception):
    """Some shard is away, and none has connected for too long."""


async def stay_connected(client: RelayClient, sleep: Sleep, patience: float = PATIENCE) -> None:
    """Keeps the gateway connected until the client is closed; one log line for each connection that ends.

    Posting needs no gateway and goes on meanwhile. Raises DiscordTokenRefused.
    """
    wait = 1.0
    while not client.is_closed():
        try:
            await _connect(client, sleep, patience)
        except Exception as error:
            # The loop's edge: whatever ended the connection, there is a next one.
            problem, longest = _read(error)
        else:
            return
        if client.shards_up.lasted(wait):
            wait = 1.0
        log.warning("The gateway can't be used (%s); trying again in %.0f s", problem, wait)
        await sleep(wait)
        wait = min(wait * 2, longest)


def _read(error: Exception) -> tuple[str, float]:
    """Why a connection ended, and how many seconds to wait at most before the next. Raises DiscordTokenRefused."""
    match error:
        case discord.PrivilegedIntentsRequired():
            return _refusal(4014), _LONGEST_WAIT_REFUSED
        case discord.ConnectionClosed(code=code):
            if code == _TOKEN_REFUSED_CLOSE:
                raise DiscordTokenRefused from error
            return _refusal(code), _LONGEST_WAIT_REFUSED
        case discord.HTTPException(status=HTTPStatus.UNAUTHORIZED):
            raise DiscordTokenRefused from error
        case _Stuck():
            return "no answer", _LONGEST_WAIT
        case discord.DiscordException() | aiohttp.ClientError() | OSError() | TimeoutError() | NotDiscord():
            return reason_of(error), _LONGEST_WAIT
    log.error("discord.py failed at the gateway", exc_info=error)
    return reason_of(error), _LONGEST_WAIT_REFUSED


def _refusal(code: int) -> str:
    return f"Discord closed it with {code}, {_REFUSALS.get(code, 'unknown')}"


async def _connect(client: RelayClient, sleep: Sleep, patience: float) -> None:
    """One connection of all shards, from the question for the gateway's address to whatever ends it."""
    await _use_gateway_of(client)
    client.shards_up.begin()
    connection = asyncio.create_task(client.reconnect(), name="shards")
    watch = asyncio.create_task(_until_stuck(client, sleep, patience), name="shard watch")
    try:
        await asyncio.wait({connection, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not connection.done():
            raise _Stuck
        connection.result()
    finally:
        watch.cancel()
        await _end(connection)
        if not client.is_closed():
            await _put_down(client)


async def _until_stuck(client: RelayClient, sleep: Sleep, patience: float) -> None:
    while client.shards_up.stuck_for(client.shard_count or 1) < patience:
        await client.shards_up.until_lost(client.shard_count or 1)
        await sleep(patience / _LOOKS)


async def _end(task: asyncio.Task[None]) -> None:
    """Cancels the task until it ends: discord.py swallows a cancellation while it resumes a shard."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
    if not task.cancelled():
        task.exception()


async def _put_down(client: RelayClient) -> None:
    """Closes what is left of a connection, without waiting for a peer that does not respond."""
    try:
        async with asyncio.timeout(_CLOSE_SECONDS):
            await client.close()
    except TimeoutError:
        log.info("The gateway does not answer to the end of its connection either")


async def _use_gateway_of(client: RelayClient) -> None:
    """Replaces discord.py's built-in gateway address with the one that this API names.

    discord.py returns to that address after an invalid session and on each retry.
    """
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            data = await client.http.request(Route("GET", "/gateway/bot"))
    except ValueError as error:
        raise NotDiscord from error  # JSON that breaks off
    match data:
        case {"url": str(url), "shards": int(), "session_start_limit": dict()}:
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
        case _:
            raise NotDiscord
