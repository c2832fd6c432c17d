"""Makes the parts of the relay and gives each one the others that it works with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from random import Random

import aiohttp

from model.job import Job
from pixverse.api import KINDS, PixVerseApi
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.rechecks import Rechecks
from relay.accounts.server_tokens import ServerTokens
from relay.allowances import Allowances
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_counts import CallbackCounts
from relay.callbacks.callback_processor import CallbackProcessor
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.cards.card_edits import CardEdits
from relay.cards.card_posts import CardPosts
from relay.cards.cards import CardLoop
from relay.cards.pauses import Pauses
from relay.commands.answer_buttons import AnswerButtons
from relay.commands.forgetting import Forgetting
from relay.commands.job_queries import JobQueries
from relay.commands.limits import Limits
from relay.commands.lookups import Lookups
from relay.commands.member_commands import MemberCommands
from relay.commands.resending import Resending
from relay.commands.stop import Stop
from relay.commands.watch import Watch
from relay.commands.watch_many import WatchMany
from relay.delivery.attachments import Attacher
from relay.delivery.delivery_results import ResultRecorder
from relay.delivery.link_refresh import LinkRefresher
from relay.delivery.message_builder import MessageBuilder
from relay.delivery.outbox import DeliveryLoop
from relay.delivery.sender import Sender
from relay.follow.account_follower import AccountFollower
from relay.follow.follow_commands import FollowCommands
from relay.follow.job_importer import JobImporter
from relay.job_changes import JobChanges
from relay.media.allowed_hosts import AllowedHosts
from relay.media.download import Bounds, Downloader
from relay.media.folder import folder_beside
from relay.media.media_store import MediaStore
from relay.meters import Meters
from relay.places import Places
from relay.polling.job_fetcher import JobFetcher
from relay.polling.job_list import JobLists
from relay.polling.job_recorder import JobRecorder
from relay.polling.poller import Poller
from relay.ports import Clock, Health, JobImports, Poster
from relay.retention import Erasure, Retention
from settings import Settings
from storage.database import Database
from storage.vault import Vault
from web.callbacks import CallbackRate, Callbacks

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class CallbackParts:
    """What the HTTP port, the commands and the background loop work with."""

    addresses: CallbackAddresses
    processor: CallbackProcessor
    counts: CallbackCounts
    endpoint: Callbacks


def callback_parts(
    database: Database,
    vault: Vault,
    accounts: AccountRegistry,
    fetcher: JobFetcher,
    poller: Poller,
    importer: JobImports,
    clock: Clock,
    *,
    interval: float,
) -> CallbackParts:
    """Makes every part; nothing runs yet. `interval` in seconds."""
    counts = CallbackCounts()
    addresses = CallbackAddresses(database, vault, lambda: secrets.token_urlsafe(_SECRET_BYTES))
    unknown = UnknownJobs(database.reader, fetcher, importer, poller, clock, interval=interval)
    processor = CallbackProcessor(database, accounts, poller, unknown, counts, clock)
    endpoint = Callbacks(addresses, processor, CallbackRate(), counts, clock)
    return CallbackParts(addresses, processor, counts, endpoint)


@dataclass(frozen=True, slots=True)
class RelayParts:
    """What Discord's face works with."""

    accounts: AccountRegistry
    tokens: ServerTokens
    rechecks: Rechecks
    fetcher: JobFetcher
    media: MediaStore
    cards: CardLoop
    outbox: DeliveryLoop
    poller: Poller
    callbacks: CallbackParts
    follows: AccountFollower
    following: FollowCommands
    places: Places
    member_commands: MemberCommands
    retention: Retention
    erasure: Erasure
    pauses: Pauses
    resending: Resending
    poster: Poster
    allowances: Allowances
    health: Health


def put_together(
    settings: Settings,
    operator_token: str | None,
    *,
    database: Database,
    vault: Vault,
    api: PixVerseApi,
    hosts: AllowedHosts,
    cdn_session: aiohttp.ClientSession,
    poster: Poster,
    clock: Clock,
    random: Random,
    meters: Meters,
) -> RelayParts:
    """Makes every part; nothing runs yet.

    Cards look as the accounts are, and the accounts put notices into the outbox; so two calls go through names that are
    bound further down.
    """
    interval = settings.poll_interval_ms / 1000
    health = Health()

    def in_force(guild_id: int) -> int | None:
        return accounts.in_force(guild_id)

    async def reread(job_id: int, guild_id: int) -> Job | None:
        return await rereader(job_id, guild_id)

    media = _media_store(settings, hosts, cdn_session, clock, meters)
    card_posts = CardPosts(
        reader=database.reader,
        poster=poster,
        clock=clock,
        health=health,
        in_force=in_force,
        max_age=settings.job_max_age_ms,
    )
    cards = CardLoop(database, CardEdits(database, poster, card_posts, clock), clock)
    builder = MessageBuilder(
        reader=database.reader,
        poster=poster,
        attacher=Attacher(media, reread, clock),
        card_posts=card_posts,
        clock=clock,
        started=clock.now(),
    )
    sender = Sender(database, poster, builder, ResultRecorder(database, cards, clock), clock)
    outbox = DeliveryLoop(database, sender, cards, clock)
    accounts = AccountRegistry(database, vault, clock, outbox, cards, interval=interval, operator_token=operator_token)
    fetcher = JobFetcher(
        api.lazy_job, accounts, cards=cards, health=health, clock=clock, interval=interval, random=random
    )
    rereader = LinkRefresher(database.reader, fetcher, accounts.in_force)
    recorder = JobRecorder(database, accounts, outbox, cards, clock, interval=interval)
    job_lists = JobLists(api.list_active_jobs, api.kind_of, accounts.token_of, clock, interval=interval)
    poller = Poller(
        database,
        fetcher,
        recorder,
        accounts,
        clock,
        job_lists,
        interval=interval,
        max_age=settings.job_max_age_ms,
        random=random,
    )
    accounts.when_changed(poller.account_changed)
    follows = AccountFollower(
        database.reader,
        JobImporter(
            database,
            accounts,
            poller,
            outbox,
            clock,
            interval=interval,
            most_of_guild=settings.max_open_per_server,
            serves=lambda guild_id: not settings.discord_guild_ids or guild_id in settings.discord_guild_ids,
        ),
        job_lists,
        accounts,
        poller,
        clock,
        kinds=KINDS,
        interval=interval,
        random=random,
    )
    accounts.when_changed(lambda _: follows.changed())
    allowances = Allowances(clock)
    lookups = Lookups(fetcher, accounts, allowances)
    limits = Limits(settings.max_open_per_user, settings.max_open_per_server)
    changes = JobChanges(poller, cards)
    member_commands = MemberCommands(
        watch=Watch(database, lookups, recorder, outbox, changes, limits),
        many=WatchMany(database, lookups, recorder, outbox, changes, limits),
        stop=Stop(database, changes),
        queries=JobQueries(database.reader, accounts),
        buttons=AnswerButtons(database, lookups, recorder, outbox),
        forgetting=Forgetting(database, cards),
    )
    return RelayParts(
        accounts=accounts,
        tokens=ServerTokens(database, vault, clock, accounts, api, cards),
        rechecks=Rechecks(accounts, api, clock),
        fetcher=fetcher,
        media=media,
        cards=cards,
        outbox=outbox,
        poller=poller,
        callbacks=callback_parts(
            database,
            vault,
            accounts,
            fetcher,
            poller,
            follows,
            clock,
            interval=interval,
        ),
        follows=follows,
        following=FollowCommands(database, accounts, lookups, follows.changed),
        places=Places(database, accounts, outbox, poller, clock),
        member_commands=member_commands,
        retention=Retention(database, clock, recorder.give_up_held),
        erasure=Erasure(database, clock),
        pauses=Pauses(database, cards, health, clock),
        resending=Resending(database, lookups.prepay_for_server, outbox, cards),
        poster=poster,
        allowances=allowances,
        health=health,
    )


def _media_store(
    settings: Settings, hosts: AllowedHosts, session: aiohttp.ClientSession, clock: Clock, meters: Meters
) -> MediaStore:
    folder = folder_beside(settings.database_path)
    downloader = Downloader(session, hosts, Bounds(settings.media_max_bytes), clock.sleep)
    return MediaStore(downloader, folder, settings.media_max_bytes, settings.media_parallel, clock, meters)
