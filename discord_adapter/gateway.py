"""Keeps the gateway connected, even after refusals at which discord.py would give up for good."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Never

import aiohttp
import discord

from discord_adapter.client import DiscordTokenRefused
from discord_adapter.request_trace import NotDiscord, reason_of
from discord_adapter.shard_connection import GatewayInfo, ask_gateway
from discord_adapter.shard_manager import OtherShardCount, ShardManager
from relay.failures import backoff
from relay.ports import Sleep
from relay.tasks import end_tasks

log = logging.getLogger(__name__)

ConnectShards = Callable[[ShardManager, GatewayInfo], Awaitable[Never]]

_LONGEST_WAIT = 60.0
_LONGEST_WAIT_REFUSED = 300.0
"""Longer, because each try costs one of a bot's thousand logins a day (Discord developer docs, Gateway)."""

_TOKEN_REFUSED_CLOSE = 4004
_REFUSALS = {
    4010: "invalid shard",
    4011: "sharding required",
    4012: "invalid API version",
    4013: "invalid intents",
    4014: "disallowed intents",
}
"""Close codes after which a client must not reconnect unchanged (Discord developer docs, Gateway Close Event Codes)."""


async def connect_all(shards: ShardManager, info: GatewayInfo) -> Never:
    """Connects as many shards as Discord wants. Raises what `ShardManager.failure` raises."""
    shards.begin(info.shards)
    for shard_id in range(info.shards):
        shards.connect(shard_id)
    await shards.failure()


async def connected_until_refused(
    shards: ShardManager, sleep: Sleep, connect_shards: ConnectShards, refused: Iterable[asyncio.Event]
) -> Never:
    """Keeps shards connected until Discord refuses the bot's token, at the gateway or as one of `refused` signals.

    Raises DiscordTokenRefused.
    """
    gateway = asyncio.create_task(stay_connected(shards, sleep, connect_shards), name="gateway")
    tasks = [gateway, *(asyncio.create_task(sign.wait(), name="token") for sign in refused)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if gateway.done():
            await gateway
        raise DiscordTokenRefused
    finally:
        await end_tasks(tasks)


async def stay_connected(shards: ShardManager, sleep: Sleep, connect_shards: ConnectShards = connect_all) -> Never:
    """Keeps shards connected until it is cancelled; logs one line for each refusal.

    A shard whose connection breaks reconnects by itself, and the others stay connected. After a refusal, all shards
    start again, as many as Discord wants by then. Posting needs no gateway and continues meanwhile. Raises
    DiscordTokenRefused.

    Args:
        shards: This process's shards.
        sleep: Waits for the given number of seconds.
        connect_shards: Connects all shards, or this process's share of them, until Discord refuses one.
    """
    failures = 0
    while True:
        try:
            await _connect(shards, connect_shards)
        except Exception as error:
            # Broad, so that the shards reconnect whatever ended the connections.
            problem, longest = _read(error, shards)
        failures += 1
        if shards.lasted(backoff(1.0, failures, longest)):
            failures = 1
        wait = backoff(1.0, failures, longest)
        log.warning("the gateway can't be used (%s); trying again in %.0f s", problem, wait)
        await sleep(wait)


async def _connect(shards: ShardManager, connect_shards: ConnectShards) -> Never:
    """Requests the gateway's address, and keeps the shards connected until Discord refuses one of them."""
    info = await ask_gateway(shards.client)
    try:
        await connect_shards(shards, info)
    finally:
        await shards.end()


def _read(error: Exception, shards: ShardManager) -> tuple[str, float]:
    """Why a connection ended, and the longest wait in seconds before the next one. Raises DiscordTokenRefused."""
    match error:
        case discord.ConnectionClosed(code=code):
            if code == _TOKEN_REFUSED_CLOSE:
                raise DiscordTokenRefused from error
            return _refusal(code), _LONGEST_WAIT_REFUSED
        case discord.HTTPException(status=HTTPStatus.UNAUTHORIZED):
            raise DiscordTokenRefused from error
        case discord.DiscordException() | aiohttp.ClientError() | OSError() | NotDiscord():
            return reason_of(error), _LONGEST_WAIT
        case OtherShardCount():
            return str(error), _LONGEST_WAIT
    shards.failures += 1
    log.error("discord.py failed at the gateway", exc_info=error)
    return reason_of(error), _LONGEST_WAIT_REFUSED


def _refusal(code: int) -> str:
    return f"Discord closed it with {code}, {_REFUSALS.get(code, 'unknown')}"
