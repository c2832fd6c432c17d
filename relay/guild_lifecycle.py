"""Servers that remove the bot and invite it again, channels that are deleted, and changed permissions.

A server that removed the bot is suspended, and so is one that DISCORD_GUILD_IDS no longer names: its jobs are not
polled and nothing is sent there. If it comes back within the grace period, everything continues; after that, everything
about it is deleted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Set

from model.messages import NoticePost
from model.states import NoticeKind, Reason
from relay.accounts.account_registry import AccountRegistry
from relay.changes import Changes
from relay.delivery.delivery_results import add_notice
from relay.ports import Clock
from storage import accounts, deletion, deliveries, follows, servers, subscriptions
from storage.database import Database
from storage.errors import StorageError

log = logging.getLogger(__name__)

GRACE = 7 * 24 * 3600 * 1000
"""Milliseconds for which a server's data are kept after it removed the bot."""

_LOOK_SECONDS = 3600.0
_CLOCK_WAS_SET_MS = 60_000
"""Milliseconds by which the wall clock must differ from the monotonic one to count as set since."""
_OF_THE_TOKEN = (
    NoticeKind.TOKEN_REFUSED,
    NoticeKind.UNPAID,
    NoticeKind.TOKEN_MISSING,
    NoticeKind.FLOWING_AGAIN,
)
"""Notices that may go to any channel that waits for a job."""


class GuildLifecycle:
    """Follows what happens to servers and channels in Discord. `serves` tells whether the bot serves a server at all. A
    server that is no longer served is suspended as if it had removed the bot.

    Its methods raise StorageError if the database fails; nothing is changed then.
    """

    def __init__(
        self,
        database: Database,
        registry: AccountRegistry,
        changes: Changes,
        clock: Clock,
        serves: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._database = database
        self._accounts = registry
        self._changes = changes
        self._clock = clock
        self._serves = serves
        self._compared = asyncio.Event()
        self._unserved: frozenset[int] = frozenset()
        """The servers with data that were not served at the start."""
        self._suspended_at: dict[int, tuple[float, int]] = {}
        """When this process suspended each server that is suspended: in monotonic seconds, and as the wall clock said
        (milliseconds UTC)."""
        self._reported: dict[int, bool] = {}
        """Servers that the gateway has reported since the latest comparison began, and whether the bot is in them by
        the last report."""
        self._in_turn = asyncio.Lock()
        """Held while a server's removal, return or language is written, so these writes don't overlap."""
        self._locales: dict[int, str] = {}
        """By server: the language of its locale, if it is known to be stored. Only the process that owns a server
        writes its locale."""

    async def known_channels(self, guild_id: int) -> list[int]:
        """The server's channels and threads that have watched jobs, a follow or unsent messages."""
        return await servers.known_channels(self._database.reader, guild_id)

    async def channel_gone(self, guild_id: int, channel_id: int, name: str | None = None) -> None:
        """Handles the deletion of a channel or thread: nothing more is sent there, its subscriptions and follow end,
        and the admins get a notice about what ended."""
        async with self._database.transaction() as tx:
            now = self._clock.now()
            jobs = await subscriptions.jobs_in_channel(tx, channel_id)
            await servers.forget_alerts_channel(tx, guild_id, channel_id)
            await deliveries.redirect_notices(tx, channel_id, _OF_THE_TOKEN, now)
            unsent = await deliveries.give_up_channel(tx, channel_id, reason=Reason.CHANNEL_GONE, now=now)
            ended = await subscriptions.end_in_channel(tx, channel_id, now)
            followed = await follows.remove(tx, guild_id, channel_id)
            if ended or unsent or followed:
                notice = NoticePost(
                    kind=NoticeKind.CHANNEL_GONE,
                    nonce="",
                    jobs=len({*ended, *unsent}),
                    channel_id=channel_id,
                    channel_name=name,
                    followed=followed,
                )
                await add_notice(tx, guild_id, channel_id, notice, now)
        self._changes.deliveries_added()
        for job_id in jobs:
            self._changes.job_unwatched(job_id)

    async def permissions_changed(self, guild_id: int, channel_id: int | None = None) -> None:
        """Handles changed permissions of a channel or of the server's roles: deliveries that were blocked are due at
        once."""
        async with self._database.transaction() as tx:
            hurried = await deliveries.make_blocked_due(tx, self._clock.now(), guild_id=guild_id, channel_id=channel_id)
        if hurried:
            self._changes.deliveries_added()

    async def locale_seen(self, guild_id: int, language: str) -> None:
        """Stores the language of the server's locale in Discord. New messages are posted in it, unless the server's
        admins have chosen another language."""
        if self._locales.get(guild_id) == language:
            return
        # Callers that report another language must wait until this one is stored.
        self._locales.pop(guild_id, None)
        async with self._in_turn:
            server = await servers.get(self._database.reader, guild_id)
            if server is None or server.locale != language:
                async with self._database.transaction() as tx:
                    await servers.set_locale(tx, guild_id, language)
            self._locales[guild_id] = language

    async def locale_reported(self, guild_id: int, language: str) -> None:
        """Does what `locale_seen` does, for a locale that Discord sent without anybody using the bot. Stores nothing
        about a server that has no data with the bot."""
        if await servers.get(self._database.reader, guild_id) or await self.known_channels(guild_id):
            await self.locale_seen(guild_id, language)

    def servers_moved(self) -> None:
        """Forgets which languages are stored: the servers of this process have changed, and another process may have
        stored a language meanwhile."""
        self._locales.clear()

    async def may_take_larger_files(self, guild_id: int, limit: int) -> None:
        """Forgets the server's learned upload limit if somebody may upload more there: `limit` bytes."""
        server = await servers.get(self._database.reader, guild_id)
        if server is not None and server.upload_limit is not None and server.upload_limit < limit:
            await self.forget_upload_limit(guild_id)

    async def forget_upload_limit(self, guild_id: int) -> None:
        """Forgets the server's learned upload limit, which may have changed."""
        async with self._database.transaction() as tx:
            await servers.forget_upload_limit(tx, guild_id)

    async def suspend_unserved(self) -> None:
        """Suspends servers that are no longer served. To be called before anything is requested or posted for them."""
        known = await servers.known(self._database.reader)
        self._unserved = frozenset(guild_id for guild_id in known if not self._serves(guild_id))
        await self._suspend_all(self._unserved)

    async def _suspend_again(self) -> None:
        """Suspends servers that were not served at the start and that a process with earlier settings has resumed.

        It may be this process that has the earlier settings. So a server that has got data since is left alone.
        """
        if self._unserved:
            await self._suspend_all(self._unserved & await servers.known(self._database.reader))

    async def _suspend_all(self, unserved: Set[int]) -> None:
        for guild_id in sorted(unserved - self._accounts.suspended):
            await self._suspend(guild_id)
            log.warning(
                "server %d is not in DISCORD_GUILD_IDS any more: it is suspended, and forgotten in a week", guild_id
            )

    async def server_gone(self, guild_id: int) -> None:
        """Suspends a server that has removed the bot."""
        self._reported[guild_id] = False
        await self._suspend(guild_id)
        log.info("server %d has removed the bot", guild_id)

    async def server_absent(self, guild_id: int) -> None:
        """Suspends a server in which the bot is not, as Discord has responded, unless it has invited the bot since."""
        if not self._reported.get(guild_id, False):
            await self.server_gone(guild_id)

    async def _suspend(self, guild_id: int) -> None:
        async with self._in_turn:
            at, now = self._clock.monotonic(), self._clock.now()
            async with self._database.transaction() as tx:
                await servers.set_gone(tx, guild_id, now)
            if guild_id not in self._accounts.suspended:
                self._suspended_at[guild_id] = at, now
            self._locales.pop(guild_id, None)  # Another process may delete the server's data.
            self._accounts.suspend_server(guild_id)

    async def server_back(self, guild_id: int) -> None:
        """Resumes this server if it was suspended and is served: the bot is in it again."""
        self._reported[guild_id] = True
        async with self._in_turn:
            if guild_id not in self._accounts.suspended or not self._serves(guild_id):
                return
            async with self._database.transaction() as tx:
                now = self._clock.now()
                await servers.set_back(tx, guild_id, now)
                await deliveries.resume_in_server(tx, guild_id, now)
                await self._accounts.tell_trouble(tx, guild_id, now)
            log.info("server %d has the bot back", guild_id)
            self._accounts.resume_server(guild_id)

    def suspended(self) -> frozenset[int]:
        """The suspended servers."""
        return frozenset(self._accounts.suspended)

    def comparison_begins(self) -> frozenset[int]:
        """Returns the suspended servers. To be called before Discord's list is read, with which the stored servers are
        then compared."""
        self._reported.clear()
        return self.suspended()

    async def absent_servers(self, present: Collection[int]) -> list[int]:
        """The known servers that are neither suspended nor among `present`."""
        known = await servers.known(self._database.reader)
        return sorted(known.difference(present) - self._accounts.suspended)

    async def finish_reconciliation(self, back: Collection[int]) -> None:
        """Resumes the servers `back`, after the stored servers were compared with Discord's list. All other suspended
        servers stay suspended, and so do those that have removed the bot since the list was read."""
        for guild_id in sorted(back):
            if self._reported.get(guild_id, True):
                await self.server_back(guild_id)
        self._compared.set()

    async def run(self) -> None:
        """Deletes the data of servers whose grace period is over, and suspends servers again that another process has
        resumed although they are not served, until it is cancelled.

        Starts only after `finish_reconciliation` was called with the servers that are back.
        """
        await self._compared.wait()
        while True:
            try:
                await self._suspend_again()
                await self._forget_departed()
            except StorageError as error:
                log.error("servers without the bot can't be forgotten now: %s", error)
            await self._clock.sleep(_LOOK_SECONDS)

    async def _forget_departed(self) -> None:
        await self._correct_times()
        before = self._clock.now() - GRACE
        for guild_id in await servers.gone_before(self._database.reader, before):
            if await self._forget(guild_id, before):
                log.info("server %d is forgotten", guild_id)

    async def _correct_times(self) -> None:
        """Stores anew when this process suspended a server, if the wall clock was set since: by a clock that was slow,
        the server's week would be over at once."""
        for guild_id, (at, stored) in list(self._suspended_at.items()):
            if guild_id not in self._accounts.suspended:
                del self._suspended_at[guild_id]
                continue
            since = self._clock.now() - round((self._clock.monotonic() - at) * 1000)
            if abs(since - stored) > _CLOCK_WAS_SET_MS:
                async with self._database.transaction() as tx:
                    await servers.correct_gone(tx, guild_id, since)
                self._suspended_at[guild_id] = at, since

    async def _forget(self, guild_id: int, before: int) -> bool:
        """Deletes everything about a server. Returns False if the server has invited the bot again."""
        async with self._database.transaction() as tx:
            if guild_id not in await servers.gone_before(tx, before):
                return False
            account_id = await deletion.forget_server(tx, guild_id)
            row = None
            if account_id is not None:
                await accounts.forget_unused_token(tx, account_id)
                row = await accounts.by_id(tx, account_id)
        if row is not None:
            self._accounts.remember(row)
        self._accounts.remember_own(guild_id, None)
        self._accounts.resume_server(guild_id)
        self._locales.pop(guild_id, None)
        self._changes.server_forgotten(guild_id)
        await self._database.flush()
        return True
