"""The Discord client: what it asks of Discord, how it gets there, and how it comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp
import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from cogs.wire_memory import wire_trace
from ui.buttons import DYNAMIC_ITEMS, ButtonHandlers

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
_LOGIN_SECONDS = 30.0
_LONGEST_RATE_LIMIT = 30.0
_TOKEN_REFUSED_CLOSE = 4004


class DiscordTokenRefused(Exception):
    """Discord does not take the bot's token."""


def use_discord_at(base_url: str) -> None:
    """Sends all of discord.py's requests to this REST base; it keeps the address in a class attribute."""
    Route.BASE = base_url


class RelayClient(commands.AutoShardedBot):
    """One connection to Discord. Only the guilds intent: no members, no messages, nothing cached of either."""

    def __init__(self) -> None:
        # No voice here, so no warnings of what voice would need.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            max_messages=None,
            chunk_guilds_at_startup=False,
            max_ratelimit_timeout=_LONGEST_RATE_LIMIT,
            allowed_contexts=discord.app_commands.AppCommandContext(
                guild=True, dm_channel=False, private_channel=False
            ),
            allowed_installs=discord.app_commands.AppInstallationType(guild=True, user=False),
            http_trace=wire_trace(),
        )
        self.button_handlers: ButtonHandlers
        self.started: Callable[[], Awaitable[None]]
        """Called once, after the log-in and before the gateway: starts the cogs."""

    async def setup_hook(self) -> None:
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        await self.started()


async def log_in(client: RelayClient, token: str, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Logs in, however long Discord is away; one log line a try. Raises DiscordTokenRefused."""
    wait = 1.0
    while True:
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                await client.login(token)
            return
        except discord.LoginFailure as error:
            raise DiscordTokenRefused from error
        except (discord.HTTPException, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("Discord can't be reached (%s); trying again in %.0f s", reason_of(error), wait)
        await client.http.close()
        # Closed together with the session; discord.py makes a new one only where there is none.
        client.http.connector = discord.utils.MISSING
        await sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


async def stay_connected(client: RelayClient, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Keeps the gateway connected until the client is closed.

    Raises DiscordTokenRefused, and discord.ConnectionClosed for a close code after which discord.py gives up.
    """
    wait = 1.0
    while not client.is_closed():
        try:
            await _use_gateway_of(client)
            await client.connect()
            return
        except discord.ConnectionClosed as closed:
            if closed.code == _TOKEN_REFUSED_CLOSE:
                raise DiscordTokenRefused from closed
            raise
        except discord.HTTPException as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise DiscordTokenRefused from error
            log.warning("Discord's gateway can't be reached (%s); trying again in %.0f s", reason_of(error), wait)
        except (discord.GatewayNotFound, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("Discord's gateway can't be reached (%s); trying again in %.0f s", reason_of(error), wait)
        await sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT)


async def _use_gateway_of(client: RelayClient) -> None:
    """Makes the address that this API names discord.py's built-in one, to which it returns after an invalid session and
    on each retry."""
    data = await client.http.request(Route("GET", "/gateway/bot"))
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(data["url"])


def reason_of(error: BaseException) -> str:
    """Why Discord could not be reached, in a word or two."""
    return f"HTTP {error.status}" if isinstance(error, discord.HTTPException) else type(error).__name__
