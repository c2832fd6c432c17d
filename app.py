"""Puts the packages together into a running bot, and shuts it down again.

`serve` is the table of contents: storage, the relay, the HTTP ports, Discord.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import NamedTuple, Never

import aiohttp

from cogs.background import Background
from cogs.button_handlers import OrphanedButtons, button_handlers
from cogs.callback_service import CallbackService
from cogs.check_service import CheckService
from cogs.follow_service import FollowService
from cogs.message_menu import watch_menu
from cogs.outcome_service import OutcomeService
from cogs.pixverse import PixVerse
from cogs.pixverse_admin import AdminServices, PixVerseAdmin
from cogs.token_service import TokenService
from discord_adapter.client import RelayClient, log_in, use_discord_at
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.gateway import connect_all, connected_until_refused
from discord_adapter.guild_events import GuildEvents
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.identify_slots import LocalSlots, SharedSlots
from discord_adapter.interaction_limits import InteractionLimiter
from discord_adapter.interactions import Responder
from discord_adapter.poster import DiscordPoster
from discord_adapter.rate_limits import RequestPacer
from discord_adapter.shard_connection import TakeSlot
from discord_adapter.shard_coordinator import share_shards
from discord_adapter.shard_manager import ShardManager
from pixverse.api import PixVerseApi
from pixverse.api_client import ApiClient, new_api_session
from relay.allowances import Buckets, CommandRate
from relay.clock import DatabaseClock, SystemClock
from relay.failures import Loop, LoopCrashes
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import Bounds, Downloader, media_session
from relay.media.folder import held_folder
from relay.media.media_store import MediaStore
from relay.polling.schedule import Timing
from relay.ports import Clock
from relay.relay import Network, Relay, Shared, Storage
from relay.tasks import end_tasks
from settings import PostgresUrl, Settings
from storage import processes
from storage.database import Database, found, open_reader
from storage.engines.interface import Use
from storage.engines.opening import instance_lock, may_be_migrated
from storage.engines.sqlite.engine import Connect, connect_in_thread
from storage.inspection import inspect
from storage.secret_store import SecretStore
from web.callbacks import RATE, Callbacks
from web.database_figures import DatabaseFigures
from web.health import HealthReport, Heartbeats, stalled
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import Instruments
from web.server import callback_port, callback_routes, monitoring_port, monitoring_routes, serving
from web.watchdog import ServiceManager

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The bot's clock, randomness, disk and network. A simulation passes in its own."""

    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=Random)
    connect: Connect = connect_in_thread
    api_session: Callable[[], aiohttp.ClientSession] = new_api_session
    media_session: Callable[[AllowedHosts], aiohttp.ClientSession] = media_session


class DiscordSide(NamedTuple):
    """The parts that talk to Discord, apart from the poster."""

    shards: ShardManager
    registry: CommandRegistry
    responder: Responder


async def serve(
    settings: Settings,
    service_manager: ServiceManager,
    dependencies: Dependencies | None = None,
    *,
    handing_over: Callable[[], None] = lambda: None,
) -> None:
    """Runs the bot until it is cancelled, and reports its health to the service manager. Calls `handing_over` if other
    processes may then take over its work.

    Raises AlreadyRunning, a class of DatabaseUnusable, FolderUnusable, SettingsError and DiscordTokenRefused.
    """
    for warning in settings.warnings:
        log.warning("%s", warning)
    dependencies = dependencies or Dependencies()
    async with AsyncExitStack() as stack:
        storage = await _open_storage(settings, stack, dependencies)
        if storage.shared is not None:
            dependencies = replace(dependencies, clock=storage.shared.clock)
        clock = dependencies.clock
        use_discord_at(settings.discord_api_url)
        instruments = Instruments.of(settings)
        client = RelayClient(instruments.meters, clock.monotonic)
        registry = CommandRegistry(storage.database, settings.discord_guild_ids)
        network = await _open_network(settings, stack, instruments, dependencies)
        poster = DiscordPoster(
            client, registry.mentions, client.invalid_requests.pause, client.channel_owners, client.discord_time.now
        )
        timing = Timing(clock, dependencies.random, settings.poll_interval_ms / 1000)
        relay = Relay(settings, storage, network, poster, timing)
        await relay.start()
        stack.push_async_callback(relay.close)
        if relay.membership is None:
            take_slot: TakeSlot = LocalSlots(clock.monotonic, clock.sleep).take
        else:
            take_slot = SharedSlots(relay.membership.take_slot, clock.sleep).take
            client.pacer = RequestPacer(relay.membership.requests_per_second, clock.monotonic, clock.sleep)
            client.invalid_requests.share = relay.membership.share_of_requests
        shards = ShardManager(client, take_slot, monotonic=clock.monotonic, sleep=clock.sleep)
        crashes = LoopCrashes()
        heartbeats = Heartbeats(relay.heartbeats(), crashes, clock.monotonic)
        await _open_callback_port(settings, stack, relay)
        discord_side = DiscordSide(shards, registry, Responder(registry, clock, relay.guilds.locale_seen))
        await _open_monitoring_port(settings, stack, instruments, heartbeats, discord_side, relay)
        stack.push_async_callback(client.close)
        service_manager.ready()
        stack.callback(service_manager.stopping)
        async with _watched(service_manager, heartbeats, clock):
            await _serve_discord(settings, discord_side, crashes, heartbeats, relay, handing_over)


async def _open_storage(settings: Settings, stack: AsyncExitStack, dependencies: Dependencies) -> Storage:
    keys = [key.get_secret_value() for key in settings.encryption_keys]
    stack.enter_context(instance_lock(settings.database))
    if may_be_migrated(settings.database):
        await inspect(settings.database, keys)  # A bot with another key must not migrate the tables.
    database = await Database.open(settings.database, connect=dependencies.connect)
    stack.push_async_callback(database.close)
    secret_store = await SecretStore.open(database, keys)
    shared = None
    if isinstance(settings.database, PostgresUrl):
        leases = await Database.open(settings.database, use=Use.LEASES)
        stack.push_async_callback(leases.close)
        shared = Shared(leases, DatabaseClock(dependencies.clock))
        asked_at = dependencies.clock.monotonic()
        shared.clock.set(await processes.now(leases.reader), asked_at)
    return Storage(database, secret_store, shared)


async def _open_network(
    settings: Settings, stack: AsyncExitStack, instruments: Instruments, dependencies: Dependencies
) -> Network:
    clock, meters = dependencies.clock, instruments.meters
    hosts = AllowedHosts(settings.media_hosts)
    client = ApiClient(
        await stack.enter_async_context(dependencies.api_session()),
        settings.useapi_url,
        now=lambda: clock.now() / 1000,
        monotonic=clock.monotonic,
        observe=meters.api_answered,
    )
    session = await stack.enter_async_context(dependencies.media_session(hosts))
    downloader = Downloader(session, hosts, Bounds(settings.media_max_bytes), clock.sleep)
    folder = stack.enter_context(held_folder(settings.database))
    media = MediaStore(downloader, folder, settings.media_max_bytes, settings.media_parallel, clock, meters)
    return Network(PixVerseApi(client), media)


async def _open_callback_port(settings: Settings, stack: AsyncExitStack, relay: Relay) -> None:
    """Serves callbacks until the stack is closed, if CALLBACK_PORT is set. Raises SettingsError if listening fails."""
    port = callback_port(settings)
    if port is None:
        return
    endpoint = Callbacks(relay.callback_addresses, relay.callbacks, Buckets(relay.clock, RATE))
    routes = callback_routes(endpoint.answer, settings.public_url)
    await stack.enter_async_context(serving(routes, port))


async def _open_monitoring_port(
    settings: Settings,
    stack: AsyncExitStack,
    instruments: Instruments,
    heartbeats: Heartbeats,
    discord_side: DiscordSide,
    relay: Relay,
) -> None:
    """Serves health and metrics until the stack is closed, if HTTP_PORT is set.

    Raises SettingsError if listening fails.
    """
    port = monitoring_port(settings)
    if port is None:
        return
    shards, responder = discord_side.shards, discord_side.responder
    reader = await stack.enter_async_context(open_reader(settings.database))
    sources = Sources(
        polls=relay.job_queue.polls,
        posts=lambda: relay.outbox.counts,
        hints=lambda: relay.callbacks.counts,
        failures=lambda: relay.failures() | {"gateway": shards.failures, "interactions": responder.failures},
        crashes=heartbeats.crashes,
        loop_ages=heartbeats.ages,
        gateway_away=shards.away_for,
        gateway_latency=shards.slowest_latency,
        api_away=relay.api_away,
        shards=lambda: shards.client.shard_count or 0,
        shards_held=lambda: shards.held,
        accounts_held=relay.accounts_held,
        lease_moves=relay.lease_moves.counts,
        identifies=shards.identifies,
    )
    metrics = MetricsReport(
        instruments.registry, LiveFigures(sources), DatabaseFigures(reader, relay.clock), relay.writes
    )
    health = HealthReport(
        heartbeats, relay.writes, shards.away_for, relay.without_lease, lambda: shards.held, relay.accounts_held
    )
    await stack.enter_async_context(serving(monitoring_routes(health.answer, metrics.answer), port))


async def _first_to_end(*work: Coroutine[object, object, Never]) -> None:
    """Runs all of them until one raises, cancels the others, and raises the same."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done.pop().result()
    finally:
        await end_tasks(tasks)


@asynccontextmanager
async def _watched(service_manager: ServiceManager, heartbeats: Heartbeats, clock: Clock) -> AsyncIterator[None]:
    watch = asyncio.create_task(
        service_manager.watch(lambda: stalled(heartbeats.ages()), clock.sleep), name="service manager"
    )
    try:
        yield
    finally:
        watch.cancel()


async def _serve_discord(
    settings: Settings,
    discord_side: DiscordSide,
    crashes: LoopCrashes,
    heartbeats: Heartbeats,
    relay: Relay,
    handing_over: Callable[[], None],
) -> None:
    """Logs in, starts the cogs, and stays until Discord refuses the token or the task is cancelled."""
    shards, registry, responder = discord_side
    client, clock = shards.client, relay.clock
    limiter = InteractionLimiter(responder, CommandRate(clock, settings.commands_per_minute), clock)
    services = _admin_services(settings, relay, registry)
    client.button_handlers = button_handlers(relay.member_commands, services, responder, limiter)

    async def start() -> None:
        await relay.begin(found(client.application_id))
        reconciler = GuildReconciler(client, relay.guilds, clock.sleep)
        guild_events = GuildEvents(client, relay.guilds, reconciler, relay.ownership, clock.sleep)
        await client.add_cog(PixVerse(relay.member_commands, responder, registry, clock))
        client.tree.add_command(watch_menu(relay.member_commands.many, responder))
        await client.add_cog(PixVerseAdmin(services, responder, limiter, registry))
        await client.add_cog(guild_events)
        await client.add_cog(OrphanedButtons(responder, limiter, clock.sleep))
        heartbeats.begin()
        loops: dict[str, Loop] = {
            **relay.loops(),
            "commands": partial(registry.register, client, relay.ownership, clock.sleep),
            "servers": reconciler.run,
            "guild_events": guild_events.look_after_servers,
        }
        await client.add_cog(Background(loops, crashes, clock))

    client.started = start
    try:
        await log_in(client, settings.discord_token.get_secret_value(), clock.sleep)
        signs = (relay.outbox.token_dead, client.invalid_requests.token_refused)
        if relay.membership is None:
            await connected_until_refused(shards, clock.sleep, connect_all, signs)
        else:
            shard_ids = frozenset(settings.shard_ids) or None
            share = partial(share_shards, relay.membership, clock, shard_ids, handing_over)
            connected = connected_until_refused(shards, clock.sleep, share, signs)
            await _first_to_end(connected, relay.membership.refused())
    finally:
        await responder.end()


def _admin_services(settings: Settings, relay: Relay, registry: CommandRegistry) -> AdminServices:
    return AdminServices(
        tokens=TokenService(relay.accounts, relay.tokens, relay.allowances, registry),
        checks=CheckService(relay.database, relay.rechecks, relay.poster, relay.fetcher, relay.allowances, registry),
        follows=FollowService(relay.following, relay.poster, registry),
        outcomes=OutcomeService(relay.database, relay.member_commands.resending, registry),
        callbacks=CallbackService(
            relay.callback_addresses,
            relay.accounts,
            registry,
            public_url=settings.public_url,
            interval=settings.poll_interval_ms,
        ),
    )
