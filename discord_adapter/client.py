"""The Discord client: its intents, its settings, and its login."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from itertools import count

import aiohttp
import discord
import yarl
from discord.ext import commands
from discord.http import Route

from discord_adapter.channels import ChannelOwners
from discord_adapter.discord_time import DiscordTime
from discord_adapter.rate_limits import GlobalLimit, InvalidRequests, RequestPacer, counts_globally
from discord_adapter.request_trace import UNREACHABLE, NotDiscord, named_wait, reason_of, wire_trace
from relay.failures import backoff
from relay.ports import Meters, Sleep
from ui.buttons import DYNAMIC_ITEMS, ButtonHandlers

log = logging.getLogger(__name__)

_LONGEST_WAIT = 60.0
_LOGIN_SECONDS = 30.0
_LONGEST_RATE_LIMIT = 30.0


class DiscordTokenRefused(Exception):
    """Discord does not accept the bot's token."""


def use_discord_at(base_url: str) -> None:
    """Sends all of discord.py's requests to this REST base, which discord.py keeps in a class attribute."""
    Route.BASE = base_url


class CountingTree(discord.app_commands.CommandTree["RelayClient"]):
    """The command tree. Every interaction counts against a limit, including autocomplete."""

    async def interaction_check(self, interaction: discord.Interaction[RelayClient], /) -> bool:
        return await self.client.button_handlers.lets_in(interaction)


class RelayClient(commands.AutoShardedBot):
    """One connection to Discord. It uses only the guilds intent, and caches neither members nor messages."""

    def __init__(self, meters: Meters, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.invalid_requests = InvalidRequests(monotonic)
        self.discord_time = DiscordTime(monotonic)
        # The bot has no voice features, so discord.py need not warn about missing voice libraries.
        discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False
        super().__init__(
            command_prefix=commands.when_mentioned,
            tree_cls=CountingTree,
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
            http_trace=wire_trace(
                GlobalLimit(lambda: self.http),
                self.invalid_requests.note,
                self.discord_time.note,
                _counting(meters),
                before=self._wait_for_turn,
            ),
        )
        self.pacer: RequestPacer | None = None
        """Spaces requests if several processes share Discord's limit."""
        self.channel_owners = ChannelOwners(self)
        self.button_handlers: ButtonHandlers
        self.started: Callable[[], Awaitable[None]]
        """Starts the cogs. Called once, after the login and before the gateway connects."""

    async def _wait_for_turn(self, url: yarl.URL) -> None:
        if self.pacer is not None and counts_globally(url):
            await self.pacer.wait()

    async def login(self, token: str) -> None:
        """Logs in, without starting anything. Raises NotDiscord, and what discord.py raises."""
        try:
            await super().login(token)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # discord.py takes the text of a proxy's page for the object that it requested.
            raise NotDiscord from error

    async def begin(self) -> None:
        """Starts the cogs, after the login."""
        self.add_dynamic_items(*DYNAMIC_ITEMS)
        await self.started()


def _counting(meters: Meters) -> Callable[[aiohttp.TraceRequestEndParams], None]:
    def count(end: aiohttp.TraceRequestEndParams) -> None:
        headers = end.response.headers
        meters.discord_answered(end.response.status, headers.get("X-RateLimit-Scope"), named_wait(headers) or 0.0)

    return count


async def log_in(client: RelayClient, token: str, sleep: Sleep) -> None:
    """Logs in, retrying while Discord is away, and starts the cogs. Raises DiscordTokenRefused."""
    for failures in count(1):
        wait = backoff(1.0, failures, _LONGEST_WAIT)
        try:
            async with asyncio.timeout(_LOGIN_SECONDS):
                await client.login(token)
            break
        except discord.LoginFailure as error:
            raise DiscordTokenRefused from error
        except UNREACHABLE as error:
            log.warning("Discord can't be reached (%s); trying again in %.0f s", reason_of(error), wait)
        await client.http.close()
        # The connector was closed together with the session. discord.py makes a new one only if there is none.
        client.http.connector = discord.utils.MISSING
        await sleep(wait)
    await client.begin()
