"""Puts the rooms together into a running bot, and takes them apart again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import aiohttp

from cogs.background import Background
from cogs.buttons import OrphanedButtons, button_handlers
from cogs.callback_service import CallbackService
from cogs.check_service import CheckService
from cogs.follow_service import FollowService
from cogs.http_port import Instruments, make_heartbeats, open_http_ports
from cogs.message_menu import watch_menu
from cogs.outcome_service import OutcomeService
from cogs.pixverse import PixVerse
from cogs.pixverse_admin import AdminServices, PixVerseAdmin
from cogs.relay_parts import RelayParts, put_together
from cogs.token_service import TokenService
from discord_adapter.client import DiscordTokenRefused, RelayClient, log_in, use_discord_at
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.command_sync import RegisteredCommands
from discord_adapter.gateway import stay_connected
from discord_adapter.guild_events import GuildEvents
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.interaction_limits import InteractionLimiter
from discord_adapter.interactions import Responder
from discord_adapter.poster import DiscordPoster
from pixverse.api import PixVerseApi
from pixverse.api_client import ApiClient, new_api_session
from pixverse.token_text import DiscordTokenGiven, NotAToken, clean_token
from relay.clock import SystemClock
from relay.commands.limits import CommandRate
from relay.failures import LoopCrashes
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import media_session
from relay.ports import Clock
from settings import Settings, SettingsError
from storage.database import Connect, Database, connect_in_thread
from storage.lock import InstanceLock
from storage.opening import make_file
from storage.vault import Vault
from web.health import Heartbeats, stalled
from web.watchdog import ServiceManager

log = logging.getLogger(__name__)

_EXPOSED_ACCOUNT = (
    "USEAPI_TOKEN is set and DISCORD_GUILD_IDS is not: any server that invites this bot can read this account's jobs. "
    "Set DISCORD_GUILD_IDS, or make the bot private in Discord's developer portal."
)


def warnings_of(settings: Settings) -> list[str]:
    """What the operator should know though the bot starts all the same, a sentence or two each."""
    exposed = [_EXPOSED_ACCOUNT] if settings.exposes_account else []
    readable = [
        f"{path} holds a secret, and every user of this machine can read it. Run chmod 600 on it."
        for path in settings.open_secret_files
    ]
    return exposed + readable


@dataclass(frozen=True, slots=True)
class Outside:
    """What the bot meets of the world: time, chance, the disk and the network. A simulation brings its own."""

    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=Random)
    connect: Connect = connect_in_thread
    api_session: Callable[[], aiohttp.ClientSession] = new_api_session
    media_session: Callable[[AllowedHosts], aiohttp.ClientSession] = media_session


async def serve(settings: Settings, service_manager: ServiceManager, outside: Outside | None = None) -> None:
    """Runs the bot until it is cancelled, and tells the service manager how it is.

    Raises AlreadyRunning, a class of DatabaseUnusable, FolderUnusable, SettingsError and DiscordTokenRefused.
    """
    for warning in warnings_of(settings):
        log.warning("%s", warning)
    operator_token = clean_operator_token(settings)
    outside = outside or Outside()
    clock = outside.clock
    async with AsyncExitStack() as stack:
        database, vault = await _open_storage(settings, stack, outside.connect)
        use_discord_at(settings.discord_api_url)
        instruments = Instruments.of(settings)
        client = RelayClient(instruments.meters, clock.monotonic)
        registry = CommandRegistry(database, settings.discord_guild_ids)
        hosts = AllowedHosts(settings.media_hosts)
        api_session = await stack.enter_async_context(outside.api_session())
        cdn_session = await stack.enter_async_context(outside.media_session(hosts))
        api = ApiClient(
            api_session,
            settings.useapi_url,
            now=lambda: clock.now() / 1000,
            monotonic=clock.monotonic,
            observe=instruments.meters.api_answered,
        )
        relay = put_together(
            settings,
            operator_token,
            database=database,
            vault=vault,
            api=PixVerseApi(api),
            hosts=hosts,
            cdn_session=cdn_session,
            poster=DiscordPoster(client, registry.mentions, client.invalid_requests.rest, client.channel_owners),
            clock=clock,
            random=outside.random,
            meters=instruments.meters,
        )
        relay.media.sweep()
        await relay.accounts.start()
        await relay.callbacks.addresses.start()
        relay.places.when_forgotten(relay.callbacks.addresses.forget)
        stack.push_async_callback(relay.fetcher.close)
        crashes = LoopCrashes()
        heartbeats = make_heartbeats(relay, crashes, clock)
        await open_http_ports(
            settings,
            stack,
            client=client,
            relay=relay,
            database=database,
            heartbeats=heartbeats,
            instruments=instruments,
            clock=clock,
        )
        stack.push_async_callback(client.put_away)
        service_manager.ready()
        stack.callback(service_manager.stopping)
        async with _watched(service_manager, heartbeats, clock):
            await _face_discord(settings, client, relay, registry, clock, database, heartbeats, crashes)


def clean_operator_token(settings: Settings) -> str | None:
    """USEAPI_TOKEN as it is sent. Raises SettingsError where it is no token of useapi.net."""
    if settings.useapi_token is None:
        return None
    try:
        return clean_token(settings.useapi_token.get_secret_value())
    except (DiscordTokenGiven, NotAToken) as error:
        raise SettingsError(
            ["USEAPI_TOKEN is no API token of useapi.net; put the whole token there, or leave it empty"]
        ) from error


async def _open_storage(settings: Settings, stack: AsyncExitStack, connect: Connect) -> tuple[Database, Vault]:
    make_file(settings.database_path)
    stack.enter_context(InstanceLock(settings.database_path))
    database = await Database.open(settings.database_path, connect=connect)
    stack.push_async_callback(database.close)
    return database, await Vault.open(database, [key.get_secret_value() for key in settings.encryption_keys])


@asynccontextmanager
async def _watched(service_manager: ServiceManager, heartbeats: Heartbeats, clock: Clock) -> AsyncIterator[None]:
    watch = asyncio.create_task(
        service_manager.watch(lambda: stalled(heartbeats.ages()), clock.sleep), name="service manager"
    )
    try:
        yield
    finally:
        watch.cancel()


async def _face_discord(
    settings: Settings,
    client: RelayClient,
    relay: RelayParts,
    registry: CommandRegistry,
    clock: Clock,
    database: Database,
    heartbeats: Heartbeats,
    crashes: LoopCrashes,
) -> None:
    """Logs in, starts the cogs, and stays until Discord refuses the token or the task is cancelled."""
    responder = Responder(registry, clock)
    limiter = InteractionLimiter(responder, CommandRate(clock, settings.commands_per_minute), clock)
    services = AdminServices(
        tokens=TokenService(relay.accounts, relay.tokens, relay.allowances, registry),
        checks=CheckService(database, relay.rechecks, relay.poster, relay.health, relay.allowances, registry),
        follows=FollowService(relay.following, relay.poster, registry),
        outcomes=OutcomeService(database, relay.resending, registry),
        callbacks=CallbackService(
            relay.callbacks.addresses,
            relay.accounts,
            registry,
            public_url=settings.public_url,
            interval=settings.poll_interval_ms,
        ),
    )
    client.button_handlers = button_handlers(relay.member_commands, services, responder, limiter)

    async def register_commands() -> None:
        registered = RegisteredCommands(client, client.application_id or 0)
        wanted = [command.to_dict(client.tree) for command in client.tree.get_commands()]
        await registry.sync(registered, wanted, clock.sleep)

    async def start() -> None:
        await client.add_cog(PixVerse(relay.member_commands, responder, registry, clock))
        client.tree.add_command(watch_menu(relay.member_commands.many, responder))
        await client.add_cog(PixVerseAdmin(services, responder, limiter, registry))
        reconciler = GuildReconciler(client, relay.places, clock.sleep)
        guild_events = GuildEvents(client, relay.outbox, relay.places, reconciler, database)
        await client.add_cog(guild_events)
        await client.add_cog(OrphanedButtons(responder, clock.sleep))
        loops = {
            "delivery": relay.outbox.run,
            "poll": relay.poller.run,
            "callbacks": relay.callbacks.processor.run,
            "follows": relay.follows.run,
            "cards": relay.cards.run,
            "accounts": relay.rechecks.run,
            "commands": register_commands,
            "servers": reconciler.run,
            "surroundings": guild_events.look_after_available,
            "departures": relay.places.run,
            "retention": relay.retention.run,
            "erasure": relay.retention.run,
            "pauses": relay.pauses.run,
        }
        heartbeats.begin()
        await client.add_cog(Background(loops, crashes, clock))

    client.started = start
    try:
        await log_in(client, settings.discord_token.get_secret_value(), clock.sleep)
        await _until_token_is_refused(client, relay, clock)
    finally:
        await responder.end()


async def _until_token_is_refused(client: RelayClient, relay: RelayParts, clock: Clock) -> None:
    gateway = asyncio.create_task(stay_connected(client, clock.sleep), name="gateway")
    signs = (relay.outbox.token_dead, client.invalid_requests.token_refused)
    refused = [asyncio.create_task(sign.wait(), name="token") for sign in signs]
    tasks: list[asyncio.Task[Any]] = [gateway, *refused]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if any(task.done() for task in refused):
            raise DiscordTokenRefused
        await gateway
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task
