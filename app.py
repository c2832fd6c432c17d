"""Puts the rooms together into a running bot, and takes them apart again.

`serve` is the table of contents: storage, the relay, the HTTP ports, Discord.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any, NamedTuple

import aiohttp

from cogs.background import Background, Loop
from cogs.button_handlers import OrphanedButtons, button_handlers
from cogs.callback_service import CallbackService
from cogs.check_service import CheckService
from cogs.follow_service import FollowService
from cogs.message_menu import watch_menu
from cogs.outcome_service import OutcomeService
from cogs.pixverse import PixVerse
from cogs.pixverse_admin import AdminServices, PixVerseAdmin
from cogs.token_service import TokenService
from discord_adapter.client import DiscordTokenRefused, RelayClient, log_in, use_discord_at
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.command_sync import RegisteredCommands
from discord_adapter.gateway import hold_all, stay_connected
from discord_adapter.guild_events import GuildEvents
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.identify_slots import LocalSlots, SharedSlots
from discord_adapter.interaction_limits import InteractionLimiter
from discord_adapter.interactions import Responder
from discord_adapter.poster import DiscordPoster
from discord_adapter.shard_connection import TakeSlot
from discord_adapter.shard_manager import ShardManager
from discord_adapter.shared_shards import share_shards
from pixverse.api import KINDS, PixVerseApi
from pixverse.api_client import ApiClient, new_api_session
from pixverse.token_text import DiscordTokenGiven, NotAToken, clean_token
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.rechecks import Rechecks
from relay.accounts.server_tokens import ServerTokens
from relay.allowances import Allowances, CommandRate
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_processor import CallbackProcessor
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.cards.card_edits import CardEdits
from relay.cards.card_loop import CardLoop
from relay.cards.card_posts import CardPosts
from relay.changes import Changes
from relay.clock import SystemClock
from relay.cluster.change_feed import ChangeFeed, KeptInMemory
from relay.cluster.database_clock import DatabaseClock
from relay.cluster.membership import Membership
from relay.cluster.ownership import ALONE, Ownership
from relay.commands.lookups import Lookups
from relay.commands.member_commands import MemberCommands
from relay.commands.subscribe import Limits
from relay.commands.watch import PromptPosts
from relay.delivery.attachments import Attacher
from relay.delivery.delivery_results import ResultRecorder
from relay.delivery.link_refresh import LinkRefresher
from relay.delivery.message_builder import MessageBuilder
from relay.delivery.outbox import DeliveryLoop
from relay.delivery.sender import Sender
from relay.failures import LoopCrashes
from relay.follow.account_follower import AccountFollower
from relay.follow.follow_commands import FollowCommands
from relay.follow.job_importer import JobImporter
from relay.guild_lifecycle import GuildLifecycle
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import Bounds, Downloader, media_session
from relay.media.folder import held_folder
from relay.media.media_store import MediaStore
from relay.polling.job_fetcher import JobFetcher
from relay.polling.job_list import JobLists
from relay.polling.job_loader import JobLoader
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from relay.polling.poller import Poller
from relay.polling.schedule import Timing
from relay.ports import Clock, Poster
from relay.retention import Erasure, Retention
from relay.write_availability import WriteAvailability
from settings import VERSION, PostgresUrl, Settings, SettingsError
from storage import processes
from storage.database import Database, open_reader
from storage.engines.interface import Use
from storage.engines.opening import instance_lock
from storage.engines.sqlite.engine import Connect, connect_in_thread
from storage.vault import Vault
from web.callbacks import CallbackRate, Callbacks
from web.database_figures import DatabaseFigures
from web.health import HealthReport, Heartbeats, stalled
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import Instruments
from web.server import callback_port, callback_routes, monitoring_port, monitoring_routes, serving
from web.watchdog import ServiceManager

log = logging.getLogger(__name__)

_EXPOSED_ACCOUNT = (
    "USEAPI_TOKEN is set and DISCORD_GUILD_IDS is not: any server that invites this bot can read this account's jobs. "
    "Set DISCORD_GUILD_IDS, or make the bot private in Discord's developer portal."
)
_COMMANDS = "commands"
"""What the process holds that registers them: one after the other, so that none undoes what another has done."""
_COMMANDS_AGAIN_SECONDS = 2.0
_SECRET_BYTES = 32
"""Of an address for callbacks."""


def warnings_of(settings: Settings) -> list[str]:
    """What the operator should know though the bot starts all the same, a sentence or two each."""
    exposed = [_EXPOSED_ACCOUNT] if settings.exposes_account else []
    readable = [
        f"{path} holds a secret, and every user of this machine can read it. Run chmod 600 on it."
        for path in settings.open_secret_files
    ]
    return exposed + readable


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


@dataclass(frozen=True, slots=True)
class Outside:
    """What the bot meets of the world: time, chance, the disk and the network. A simulation brings its own."""

    clock: Clock = field(default_factory=SystemClock)
    random: Random = field(default_factory=Random)
    connect: Connect = connect_in_thread
    api_session: Callable[[], aiohttp.ClientSession] = new_api_session
    media_session: Callable[[AllowedHosts], aiohttp.ClientSession] = media_session


class Shared(NamedTuple):
    """What several processes agree by."""

    leases: Database
    """The same database, over connections of their own."""
    clock: DatabaseClock


class Storage(NamedTuple):
    """What is kept, and what encrypts its secrets."""

    database: Database
    vault: Vault
    shared: Shared | None
    """What a database needs that several processes work with; None where only one can."""


class Network(NamedTuple):
    """What the relay reaches besides Discord."""

    api: PixVerseApi
    media: MediaStore


async def serve(settings: Settings, service_manager: ServiceManager, outside: Outside | None = None) -> None:
    """Runs the bot until it is cancelled, and tells the service manager how it is.

    Raises AlreadyRunning, a class of DatabaseUnusable, FolderUnusable, SettingsError and DiscordTokenRefused.
    """
    for warning in warnings_of(settings):
        log.warning("%s", warning)
    operator_token = clean_operator_token(settings)
    outside = outside or Outside()
    async with AsyncExitStack() as stack:
        storage = await _open_storage(settings, stack, outside)
        if storage.shared is not None:
            outside = replace(outside, clock=storage.shared.clock)
        clock = outside.clock
        use_discord_at(settings.discord_api_url)
        instruments = Instruments.of(settings)
        client = RelayClient(instruments.meters, clock.monotonic)
        registry = CommandRegistry(storage.database, settings.discord_guild_ids)
        network = await _open_network(settings, stack, instruments, outside)
        poster = DiscordPoster(client, registry.mentions, client.invalid_requests.pause, client.channel_owners)
        relay = Relay(settings, operator_token, storage, network, poster, outside)
        await relay.start()
        stack.push_async_callback(relay.close)
        if relay.membership is None:
            take_slot: TakeSlot = LocalSlots(clock.monotonic, clock.sleep).take
        else:
            take_slot = SharedSlots(relay.membership.take_turn, clock.sleep).take
        shards = ShardManager(client, take_slot, monotonic=clock.monotonic, sleep=clock.sleep)
        crashes = LoopCrashes()
        heartbeats = Heartbeats(relay.heartbeats(), crashes, clock.monotonic)
        await _open_callback_port(settings, stack, relay)
        await _open_monitoring_port(settings, stack, instruments, heartbeats, shards, relay)
        stack.push_async_callback(client.close)
        service_manager.ready()
        stack.callback(service_manager.stopping)
        async with _watched(service_manager, heartbeats, clock):
            await _serve_discord(settings, shards, registry, crashes, heartbeats, relay)


async def _open_storage(settings: Settings, stack: AsyncExitStack, outside: Outside) -> Storage:
    stack.enter_context(instance_lock(settings.database))
    database = await Database.open(settings.database, connect=outside.connect)
    stack.push_async_callback(database.close)
    vault = await Vault.open(database, [key.get_secret_value() for key in settings.encryption_keys])
    shared = None
    if isinstance(settings.database, PostgresUrl):
        leases = await Database.open(settings.database, use=Use.LEASES)
        stack.push_async_callback(leases.close)
        shared = Shared(leases, DatabaseClock(outside.clock))
        asked_at = outside.clock.monotonic()
        shared.clock.set(await processes.now(leases.reader), asked_at)
    return Storage(database, vault, shared)


async def _open_network(
    settings: Settings, stack: AsyncExitStack, instruments: Instruments, outside: Outside
) -> Network:
    clock, meters = outside.clock, instruments.meters
    hosts = AllowedHosts(settings.media_hosts)
    client = ApiClient(
        await stack.enter_async_context(outside.api_session()),
        settings.useapi_url,
        now=lambda: clock.now() / 1000,
        monotonic=clock.monotonic,
        observe=meters.api_answered,
    )
    session = await stack.enter_async_context(outside.media_session(hosts))
    downloader = Downloader(session, hosts, Bounds(settings.media_max_bytes), clock.sleep)
    folder = stack.enter_context(held_folder(settings.database))
    media = MediaStore(downloader, folder, settings.media_max_bytes, settings.media_parallel, clock, meters)
    return Network(PixVerseApi(client), media)


class Relay:
    """The parts of the relay, each given the ones that it works with. Nothing runs yet."""

    def __init__(
        self,
        settings: Settings,
        operator_token: str | None,
        storage: Storage,
        network: Network,
        poster: Poster,
        outside: Outside,
    ) -> None:
        database, vault, shared = storage
        api, media = network
        clock, random = outside.clock, outside.random
        interval = settings.poll_interval_ms / 1000
        self.database, self.media, self.poster, self.clock = database, media, poster, clock
        self.changes = changes = Changes()
        self.writes = WriteAvailability(database, changes, clock)

        memories: list[KeptInMemory] = []
        self.membership = None
        if shared is not None:
            feed = ChangeFeed(database, changes, memories)
            self.membership = Membership(shared.leases, feed, self._account_ids, changes, shared.clock, VERSION)
        self.ownership: Ownership = self.membership or ALONE
        ownership = self.ownership

        self.accounts = AccountRegistry(
            database, vault, clock, changes, interval=interval, operator_token=operator_token
        )
        self.tokens = ServerTokens(database, vault, clock, self.accounts, api, changes)
        self.rechecks = Rechecks(self.accounts, api, clock, ownership)

        timing = Timing(clock, random, interval)
        self.fetcher = JobFetcher(api.lazy_job, self.accounts, timing, changes)
        recorder = JobRecorder(database, self.accounts, changes, timing)
        job_lists = JobLists(api.list_active_jobs, api.kind_of, self.accounts.token_of, timing)
        queue = JobQueue(timing, settings.job_max_age_ms)
        loader = JobLoader(database, recorder, self.accounts, queue, ownership)
        self.poller = Poller(queue, loader, self.fetcher, recorder, job_lists, self.accounts)

        limits = Limits(settings.max_open_per_user, settings.max_open_per_server)
        served = settings.discord_guild_ids
        importer = JobImporter(
            database, self.accounts, changes, timing, limits, lambda guild_id: not served or guild_id in served
        )
        self.follows = AccountFollower(
            importer, job_lists, self.accounts, self.poller.watches, timing, kinds=KINDS, ownership=ownership
        )

        self.callback_addresses = CallbackAddresses(database, vault, lambda: secrets.token_urlsafe(_SECRET_BYTES))
        unknown = UnknownJobs(database.reader, self.fetcher, importer, changes, timing)
        self.callbacks = CallbackProcessor(database, self.accounts, unknown, changes, clock, ownership)
        memories += [self.accounts, self.callback_addresses]

        card_posts = CardPosts(
            reader=database.reader,
            poster=poster,
            clock=clock,
            in_force=self.accounts.in_force,
            api_down_since=lambda: self.fetcher.down_since,
            paused=lambda: self.writes.paused,
            max_age=settings.job_max_age_ms,
        )
        self.cards = CardLoop(database, CardEdits(database, poster, card_posts, clock, ownership), clock)
        builder = MessageBuilder(
            reader=database.reader,
            poster=poster,
            attacher=Attacher(media, LinkRefresher(database.reader, self.fetcher, self.accounts.in_force), clock),
            card_posts=card_posts,
            clock=clock,
            started=clock.now(),
        )
        sender = Sender(database, poster, builder, ResultRecorder(database, changes, clock), clock, ownership)
        self.outbox = DeliveryLoop(database, sender, clock, ownership=ownership)

        self.allowances = Allowances(clock)
        lookups = Lookups(self.fetcher, recorder, self.accounts, self.allowances, changes)
        prompt_posts = PromptPosts(database.reader, self.outbox.deliver_now)
        self.member_commands = MemberCommands(database, lookups, prompt_posts, changes, limits)
        self.following = FollowCommands(database, self.accounts, changes)

        self.guilds = GuildLifecycle(database, self.accounts, changes, clock)
        self.retention = Retention(database, clock, recorder.give_up_held, ownership)
        self.erasure = Erasure(database, clock)
        self._listen()

    def _listen(self) -> None:
        """Has each part told of the changes that concern it. A poll without news changes nothing and wakes nobody."""
        changes = self.changes
        changes.deliveries_added.listen(self.outbox.wake)
        changes.message_shown.listen(self.cards.message_shown)
        changes.subscription_changed.listen(self.cards.subscription_changed)

        changes.job_news.listen(self.cards.job_changed)
        changes.job_asked.listen(self.poller.job_changed)
        changes.job_unwatched.listen(self.poller.job_changed)
        changes.job_watched.listen(self.poller.job_changed)
        changes.job_watched.listen(self.cards.job_changed)
        changes.jobs_found.listen(self.poller.jobs_found)
        changes.end_reported.listen(self.poller.end_reported)

        changes.account_changed.listen(lambda _: self.outbox.wake())
        changes.account_changed.listen(self.cards.account_changed)
        changes.account_changed.listen(self.poller.account_changed)
        changes.account_changed.listen(lambda _: self.follows.changed())
        changes.account_changed.listen(self.rechecks.account_changed)
        changes.account_doubted.listen(self.rechecks.try_soon)
        changes.follows_changed.listen(self.follows.changed)
        changes.server_forgotten.listen(self.callback_addresses.forget)

        changes.account_moved.listen(self.poller.account_changed)
        changes.account_moved.listen(lambda _: self.follows.changed())
        changes.account_moved.listen(self.rechecks.account_changed)
        changes.servers_moved.listen(self.outbox.wake)
        changes.servers_moved.listen(self.cards.servers_moved)

        changes.api_changed.listen(self.cards.all_changed)
        changes.api_changed.listen(self.poller.api_changed)
        changes.writes_changed.listen(self.cards.all_changed)

    async def start(self) -> None:
        """Sweeps the folder for videos, and reads what is kept in memory. Raises FolderUnusable and StorageError."""
        self.media.sweep()
        await self.accounts.start()
        await self.callback_addresses.start()
        if self.membership is not None:
            await self.membership.join()

    def _account_ids(self) -> list[int]:
        return [account.id for account in self.accounts.every()]

    async def close(self) -> None:
        """Ends what is under way outside of the loops."""
        if self.membership is not None:
            await self.membership.leave()
        await self.fetcher.close()
        await self.writes.close()

    def loops(self) -> dict[str, Loop]:
        """What works by itself in the background, by the names that log and metrics have for it."""
        return {
            "delivery": self.outbox.run,
            "poll": self.poller.run,
            "callbacks": self.callbacks.run,
            "follows": self.follows.run,
            "cards": self.cards.run,
            "accounts": self.rechecks.run,
            "guild_removal": self.guilds.run,
            "retention": self.retention.run,
            "erasure": self.erasure.run,
            "writes": self.writes.run,
            **({} if self.membership is None else {"processes": self.membership.run}),
        }

    def heartbeats(self) -> dict[str, Callable[[], float]]:
        """When each loop without which nothing is relayed last turned, monotonic seconds."""
        return {
            "delivery": lambda: self.outbox.heartbeat,
            "poll": lambda: self.poller.heartbeat,
            "follows": lambda: self.follows.heartbeat,
            "callbacks": lambda: self.callbacks.heartbeat,
            "cards": lambda: self.cards.heartbeat,
        }

    def failures(self) -> dict[str, int]:
        """What failed in each loop for a reason of this machine's own."""
        return {
            "delivery": self.outbox.failures,
            "poll": self.poller.failures,
            "follows": self.follows.failures,
            "callbacks": self.callbacks.failures,
            "cards": self.cards.failures,
            "retention": self.retention.failures,
        }

    def accounts_held(self) -> int:
        """How many accounts this process polls, of those that all processes share."""
        return sum(map(self.ownership.owns_account, self._account_ids()))

    def api_away(self) -> float:
        """For how many seconds the API has been away."""
        since = self.fetcher.down_since
        return 0.0 if since is None else max(0, self.clock.now() - since) / 1000


async def _open_callback_port(settings: Settings, stack: AsyncExitStack, relay: Relay) -> None:
    """Serves it until the stack is closed, if it is set. Raises SettingsError where nobody can listen."""
    port = callback_port(settings)
    if port is None:
        return
    endpoint = Callbacks(relay.callback_addresses, relay.callbacks, CallbackRate(), relay.clock)
    routes = callback_routes(endpoint.answer, settings.public_url)
    await stack.enter_async_context(serving(routes, port))


async def _open_monitoring_port(
    settings: Settings,
    stack: AsyncExitStack,
    instruments: Instruments,
    heartbeats: Heartbeats,
    shards: ShardManager,
    relay: Relay,
) -> None:
    """Serves it until the stack is closed, if it is set. Raises SettingsError where nobody can listen."""
    port = monitoring_port(settings)
    if port is None:
        return
    reader = await stack.enter_async_context(open_reader(settings.database))
    sources = Sources(
        polls=relay.poller.polls,
        posts=lambda: relay.outbox.counts,
        hints=lambda: relay.callbacks.counts,
        failures=relay.failures,
        crashes=heartbeats.crashes,
        loop_ages=heartbeats.ages,
        gateway_away=shards.away_for,
        gateway_latency=shards.slowest_latency,
        api_away=relay.api_away,
        shards=lambda: shards.client.shard_count or 0,
        shards_held=lambda: len(shards.held),
        accounts_held=relay.accounts_held,
    )
    metrics = MetricsReport(
        instruments.registry, LiveFigures(sources), DatabaseFigures(reader, relay.clock), relay.writes
    )
    health = HealthReport(heartbeats, relay.writes, shards.away_for)
    await stack.enter_async_context(serving(monitoring_routes(health.answer, metrics.answer), port))


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
    shards: ShardManager,
    registry: CommandRegistry,
    crashes: LoopCrashes,
    heartbeats: Heartbeats,
    relay: Relay,
) -> None:
    """Logs in, starts the cogs, and stays until Discord refuses the token or the task is cancelled."""
    client, clock = shards.client, relay.clock
    responder = Responder(registry, clock)
    limiter = InteractionLimiter(responder, CommandRate(clock, settings.commands_per_minute), clock)
    services = AdminServices(
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
    client.button_handlers = button_handlers(relay.member_commands, services, responder, limiter)

    async def register_commands() -> None:
        registered = RegisteredCommands(client, client.application_id or 0)
        wanted = [command.to_dict(client.tree) for command in client.tree.get_commands()]
        while not await relay.ownership.has_named(_COMMANDS):
            await clock.sleep(_COMMANDS_AGAIN_SECONDS)
        await registry.sync(registered, wanted, clock.sleep)
        await relay.ownership.release_named(_COMMANDS)

    async def start() -> None:
        reconciler = GuildReconciler(client, relay.guilds, clock.sleep)
        guild_events = GuildEvents(client, relay.guilds, reconciler)
        await client.add_cog(PixVerse(relay.member_commands, responder, registry, clock))
        client.tree.add_command(watch_menu(relay.member_commands.many, responder))
        await client.add_cog(PixVerseAdmin(services, responder, limiter, registry))
        await client.add_cog(guild_events)
        await client.add_cog(OrphanedButtons(responder, clock.sleep))
        heartbeats.begin()
        loops = {
            **relay.loops(),
            "commands": register_commands,
            "servers": reconciler.run,
            "guild_events": guild_events.look_after_available,
        }
        await client.add_cog(Background(loops, crashes, clock))

    client.started = start
    try:
        await log_in(client, settings.discord_token.get_secret_value(), clock.sleep)
        await _until_token_is_refused(shards, frozenset(settings.shard_ids) or None, relay)
    finally:
        await responder.end()


async def _until_token_is_refused(shards: ShardManager, shard_ids: frozenset[int] | None, relay: Relay) -> None:
    hold = hold_all if relay.membership is None else partial(share_shards, relay.membership, relay.clock, shard_ids)
    gateway = asyncio.create_task(stay_connected(shards, relay.clock.sleep, hold), name="gateway")
    signs = (relay.outbox.token_dead, shards.client.invalid_requests.token_refused)
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
