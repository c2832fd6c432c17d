"""Puts the parts of the relay together, and connects them to the changes that they listen to."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from pixverse.api import KINDS, PixVerseApi
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.rechecks import RECHECK_INTERVALS, Rechecks
from relay.accounts.server_tokens import ServerTokens
from relay.allowances import Allowances
from relay.callbacks.callback_addresses import CallbackAddresses
from relay.callbacks.callback_processor import CallbackProcessor
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.cards.card_edits import CardEdits
from relay.cards.card_loop import CardLoop
from relay.cards.card_posts import CardPosts
from relay.changes import Changes
from relay.clock import DatabaseClock, ahead_of_discord
from relay.cluster.change_feed import ChangeFeed, KeptInMemory
from relay.cluster.membership import Membership
from relay.cluster.ownership import ALONE, LeaseMoves, Ownership
from relay.commands.lookups import Lookups
from relay.commands.member_commands import MemberCommands
from relay.commands.subscribe import Limits
from relay.commands.watch import ImmediatePosts
from relay.delivery.attachments import Attacher
from relay.delivery.delivery_loop import DeliveryLoop
from relay.delivery.delivery_results import ResultRecorder
from relay.delivery.link_refresh import LinkRefresher
from relay.delivery.message_builder import MessageBuilder
from relay.delivery.sender import Sender
from relay.failures import Loop
from relay.follow.account_follower import AccountFollower
from relay.follow.follow_commands import FollowCommands
from relay.follow.job_importer import JobImporter
from relay.guild_lifecycle import GuildLifecycle
from relay.media.media_store import MediaStore
from relay.polling.job_fetcher import JobFetcher
from relay.polling.job_list import JobLists
from relay.polling.job_loader import JobLoader
from relay.polling.job_queue import JobQueue
from relay.polling.job_recorder import JobRecorder
from relay.polling.poller import Poller
from relay.polling.schedule import Timing
from relay.ports import Poster
from relay.retention import Retention
from relay.write_availability import WriteAvailability
from settings import VERSION, Settings
from storage import servers
from storage.database import Database
from storage.engines.opening import newest_tables
from storage.inspection import check_again
from storage.secret_store import SecretStore


class Shared(NamedTuple):
    """What several processes use to coordinate."""

    leases: Database
    """The same database, over separate connections."""
    clock: DatabaseClock


class Storage(NamedTuple):
    """The database, and the secret store that encrypts its secrets."""

    database: Database
    secret_store: SecretStore
    shared: Shared | None
    """Set if several processes can work with the database."""


class Network(NamedTuple):
    """What the relay reaches over the network, apart from Discord."""

    api: PixVerseApi
    media: MediaStore


class Relay:
    """The parts of the relay, connected with each other. The constructor starts nothing."""

    def __init__(
        self,
        settings: Settings,
        storage: Storage,
        network: Network,
        poster: Poster,
        timing: Timing,
    ) -> None:
        database, secret_store, shared = storage
        api, media = network
        clock = timing.clock
        self.database, self.media, self.poster, self.clock = database, media, poster, clock
        self.changes = changes = Changes()
        memories: list[KeptInMemory] = []
        self.writes = WriteAvailability(database, changes, clock, memories)
        self.membership = None
        if shared is not None:
            feed = ChangeFeed(database, changes, memories, clock.monotonic)
            known = newest_tables(database.place)
            check = partial(check_again, place=database.place, secret_store=secret_store, known=known)
            self.membership = Membership(shared.leases, feed, self._account_ids, changes, shared.clock, VERSION, check)
        self.ownership: Ownership = self.membership or ALONE
        ownership = self.ownership
        self.lease_moves = LeaseMoves(ownership, changes)

        recheck_seconds = RECHECK_INTERVALS * timing.interval
        self.accounts = AccountRegistry(
            database,
            secret_store,
            clock,
            changes,
            recheck_seconds=recheck_seconds,
            operator_token=settings.operator_token,
        )
        self.tokens = ServerTokens(database, secret_store, clock, self.accounts, api, changes)
        self.rechecks = Rechecks(self.accounts, api, clock, recheck_seconds=recheck_seconds, ownership=ownership)

        self.fetcher = JobFetcher(api.lazy_job, self.accounts, timing, changes, api.retry_at)
        recorder = JobRecorder(database, self.accounts, changes, timing, self._discord_now)
        self.job_lists = job_lists = JobLists(
            api.list_active_jobs, api.kind_of, self.accounts.token_of, self.fetcher.backoff_until, timing
        )
        self.job_queue = JobQueue(timing, settings.job_max_age_ms)
        self.job_loader = JobLoader(database, recorder, self.accounts, self.job_queue, ownership)
        self.poller = Poller(self.job_queue, self.job_loader, self.fetcher, recorder, job_lists, self.accounts)

        limits = Limits(settings.max_open_per_user, settings.max_open_per_server)
        importer = JobImporter(database, self.accounts, changes, timing, limits)
        self.follows = AccountFollower(
            importer, job_lists, self.accounts, self.job_queue, timing, kinds=KINDS, ownership=ownership
        )

        self.callback_addresses = CallbackAddresses(database, secret_store, secrets.token_urlsafe)
        unknown = UnknownJobs(
            database.reader, self.fetcher, importer, self.accounts, changes, timing, self._discord_now
        )
        self.callbacks = CallbackProcessor(database, self.accounts, unknown, changes, clock, ownership)
        memories += [self.accounts, self.callback_addresses]

        card_posts = CardPosts(
            reader=database.reader,
            poster=poster,
            clock=clock,
            in_force=self.accounts.in_force,
            api_down_since=self._api_down_since,
            paused=lambda: self.writes.paused,
            max_age=settings.job_max_age_ms,
        )
        edits = CardEdits(database, poster, card_posts, changes, clock, ownership)
        self.cards = CardLoop(database, edits, clock, ownership=ownership)
        link_refresher = LinkRefresher(database.reader, self.fetcher, self.accounts.in_force)
        started = clock.now()
        builder = MessageBuilder(
            reader=database.reader,
            poster=poster,
            attacher=Attacher(media, link_refresher.refresh, clock),
            card_posts=card_posts,
            clock=clock,
            working_since=lambda: max(self._running_since(started), self.writes.not_paused_since()),
        )
        sender = Sender(database, poster, builder, ResultRecorder(database, changes, clock), clock, ownership)
        self.outbox = DeliveryLoop(database, sender, clock, ownership=ownership)

        self.allowances = Allowances(clock)
        lookups = Lookups(self.fetcher, recorder, self.accounts, self.allowances, changes, self.job_queue.ran_until)
        immediate_posts = ImmediatePosts(database.reader, self.outbox.deliver_now)
        self.member_commands = MemberCommands(database, lookups, immediate_posts, changes, limits)
        self.following = FollowCommands(database, self.accounts, changes)

        served = settings.discord_guild_ids
        self.guilds = GuildLifecycle(
            database, self.accounts, changes, clock, lambda guild_id: not served or guild_id in served
        )
        self.retention = Retention(database, clock, recorder.give_up_on_hold, self.accounts.forget, ownership)
        self._listen()

    def _listen(self) -> None:
        """Connects each part to the changes that concern it. A poll without news changes nothing and wakes nobody."""
        changes = self.changes
        changes.deliveries_added.listen(self.outbox.wake)
        changes.message_shown.listen(self.cards.message_shown)
        changes.subscription_changed.listen(self.cards.subscription_changed)

        changes.job_news.listen(self.cards.job_changed)
        changes.job_asked.listen(self.job_loader.job_changed)
        changes.job_unwatched.listen(self.job_loader.job_changed)
        changes.job_watched.listen(self.job_loader.job_changed)
        changes.job_watched.listen(self.cards.job_changed)
        changes.jobs_found.listen(self.job_loader.jobs_found)
        changes.end_reported.listen(self.job_loader.end_reported)

        changes.account_changed.listen(lambda _: self.outbox.wake())
        changes.account_changed.listen(self.cards.account_changed)
        changes.account_changed.listen(self.job_loader.account_changed)
        changes.account_changed.listen(lambda _: self.follows.changed())
        changes.account_changed.listen(self.rechecks.account_changed)
        changes.account_changed.listen(self.fetcher.account_changed)
        changes.account_changed.listen(self.job_lists.account_changed)
        changes.account_doubted.listen(self.rechecks.try_soon)
        changes.follows_changed.listen(self.follows.changed)
        changes.server_forgotten.listen(self.callback_addresses.forget)

        changes.account_moved.listen(self.job_loader.account_changed)
        changes.account_moved.listen(lambda _: self.follows.changed())
        changes.account_moved.listen(self.rechecks.account_changed)
        changes.servers_moved.listen(self.outbox.wake)
        changes.servers_moved.listen(self.cards.servers_moved)
        changes.servers_moved.listen(self.guilds.servers_moved)

        changes.api_changed.listen(self.cards.all_changed)
        changes.api_changed.listen(self.poller.api_changed)
        changes.api_changed_elsewhere.listen(self.cards.all_changed)
        changes.writes_changed.listen(self.cards.all_changed)
        changes.writes_changed.listen(lambda: None if self.writes.paused else self.poller.writes_are_back())
        changes.commit_doubted.listen(self._read_all_again)

    async def start(self) -> None:
        """Prepares what is needed before the login. Raises FolderUnusable and StorageError."""
        self.media.sweep()
        await self.callback_addresses.read_all()

    async def begin(self, application_id: int) -> None:
        """Loads what is kept in memory, applies the settings to what is stored, and joins other processes. To be called
        after the login, before the loops run. Raises DatabaseForeign, with nothing changed, if the database is another
        Discord application's; other classes of DatabaseUnusable; and StorageError."""
        async with self.database.transaction() as tx:
            await servers.check_application(tx, self.database.place, application_id)
            await servers.set_application(tx, application_id)
        await self.accounts.start()
        await self.guilds.suspend_unserved()
        if self.membership is not None:
            self.membership.api_down_since_here = lambda: self.fetcher.down_since
            await self.membership.join()

    def _read_all_again(self) -> None:
        """Makes the parts read everything that this process works on again, as if it had just been assigned."""
        for account_id in self._account_ids():
            self.changes.account_changed(account_id)
        self.changes.servers_moved()

    def _discord_now(self) -> int:
        """The time by Discord's clock in milliseconds UTC; by this machine's while Discord's is not known."""
        return self.clock.now() - ahead_of_discord(self.clock, self.poster)

    def _api_down_since(self, account_id: int) -> int | None:
        """Since when the API has been down for the process that polls the account."""
        if self.membership is None or self.membership.owns_account(account_id):
            # Even before a job is polled: the job of a new card is about to be.
            return self.fetcher.breaker.down_since
        return self.membership.api_down_since(account_id)

    def _running_since(self, started: int) -> int:
        """Since when the bot has been running, in this process or in others before it."""
        since = None if self.membership is None else self.membership.bot_since
        return started if since is None else since

    def _account_ids(self) -> list[int]:
        return [account.id for account in self.accounts.every()]

    async def close(self) -> None:
        """Ends what is in progress outside the loops."""
        if self.membership is not None:
            await self.membership.leave()
        await self.fetcher.close()
        await self.writes.close()

    def loops(self) -> dict[str, Loop]:
        """The background loops, by their names in logs and metrics."""
        return {
            "delivery": self.outbox.run,
            "poll": self.poller.run,
            "callbacks": self.callbacks.run,
            "follows": self.follows.run,
            "cards": self.cards.run,
            "accounts": self.rechecks.run,
            "guild_removal": self.guilds.run,
            "retention": self.retention.run,
            "erasure": self.retention.erase,
            "writes": self.writes.run,
            **({} if self.membership is None else {"processes": self.membership.run}),
        }

    def heartbeats(self) -> dict[str, Callable[[], float]]:
        """When each essential loop last turned, in monotonic seconds."""
        return {
            "delivery": lambda: self.outbox.heartbeat,
            "poll": lambda: self.poller.heartbeat,
            "follows": lambda: self.follows.heartbeat,
            "callbacks": lambda: self.callbacks.heartbeat,
            "cards": lambda: self.cards.heartbeat,
        }

    def failures(self) -> dict[str, int]:
        """How often each loop failed for reasons on this machine."""
        return {
            "delivery": self.outbox.failures,
            "poll": self.poller.failures,
            "follows": self.follows.failures,
            "callbacks": self.callbacks.failures,
            "cards": self.cards.failures,
            "accounts": self.rechecks.failures,
            "retention": self.retention.failures,
        }

    def accounts_held(self) -> list[int]:
        """The ids of the accounts that this process polls."""
        return list(filter(self.ownership.owns_account, self._account_ids()))

    def without_lease(self) -> float:
        """Seconds for which this process has had no lease; 0 while it has one, or needs none."""
        return 0.0 if self.membership is None else self.membership.without_lease()

    def api_away(self) -> float:
        """Seconds for which the API has been down; 0 while it responds."""
        since = self.fetcher.down_since
        return 0.0 if since is None else max(0, self.clock.now() - since) / 1000
