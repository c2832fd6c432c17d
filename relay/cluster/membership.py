"""This process as one of several that share a database: its lease, and what it holds by that lease.

The lease is renewed every few seconds. By its own monotonic clock, the process relies on the lease for its length minus
a margin, counted from when it requested the last renewal. So however slow the response was, no other process can have
taken anything from it within that time. A process that loses its lease loses everything it held, and registers again as
after a start.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection
from typing import Never, TypeVar
from uuid import uuid4

from model.discord_ids import Shards, shard_of
from relay.changes import Changes
from relay.clock import DatabaseClock
from relay.cluster.account_shares import accounts_of, process_for
from relay.cluster.change_feed import ChangeFeed
from relay.cluster.request_shares import ALL, RequestShare, fair_requests
from relay.failures import FailureSeries
from relay.tasks import end_tasks
from storage import processes
from storage.database import Database, Queries, Transaction
from storage.errors import DatabaseUnusable, StorageError
from storage.processes import LEASE_SECONDS, Process, ShardLease

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
FEED_SECONDS = 0.1
"""Seconds between two looks at what others have changed. This is short, because one process may receive a callback,
another poll its job, and a third post the result."""
RENEW_SECONDS = 3.0
MARGIN_SECONDS = 3.0
"""How much earlier than the database this process considers its lease expired."""
SEARCH_FIRST_MS = 600_000
"""Milliseconds after a failover for which new messages are looked for in the history before they are sent. By then,
every end of a job that the failover lost has been seen again."""
_NO_SHARDS = Shards(1, ())
_FEED_LEASE = "change feed"
"""Names the lease of the one process that deletes old changes."""
DELETE_SECONDS = 120.0
"""Seconds between two deletions of old changes. Every process reads all changes again if it has not read them for much
less than that."""
_T = TypeVar("_T")


class Membership:
    """The Ownership of one of several processes.

    Args:
        leases: The database over separate connections (`Use.LEASES`), so that no other transaction delays a renewal.
        accounts: Returns the ids of all known accounts.
        check: Checks that this process may still work with the database, over a connection that nothing else delays.
            Raises DatabaseUnusable and StorageError.
    """

    def __init__(
        self,
        leases: Database,
        feed: ChangeFeed,
        accounts: Callable[[], Collection[int]],
        changes: Changes,
        clock: DatabaseClock,
        version: str,
        check: Callable[[Queries], Awaitable[None]],
    ) -> None:
        self.process_id = uuid4().hex
        self._leases = leases
        self._feed = feed
        self._all_accounts = accounts
        self._changes = changes
        self._clock = clock
        self._version = version
        self._check = check
        self._refusal: asyncio.Future[Never] = asyncio.get_running_loop().create_future()
        self._trusted_until = -math.inf
        self._had_lease_until = math.inf
        self._renew_at = -math.inf
        self._accounts: frozenset[int] = frozenset()
        self._to_release: frozenset[int] = frozenset()
        """Accounts that this process has given up, but still holds according to the database."""
        self._shards = _NO_SHARDS
        self._requests = RequestShare(clock.monotonic)
        self.server: str | None = ""
        self.search_first_until = 0
        self._delete_changes_at = -math.inf
        self._draining = False
        self.bot_since: int | None = None
        """Since when at least one process has been alive, in milliseconds UTC; None before `join`."""
        self.api_down_since_here: Callable[[], int | None] = lambda: None
        """Returns since when the API has been down for this process, in milliseconds UTC."""
        self._api_down_since: dict[str, int | None] = {}
        """The same for each process that polls accounts, as its row says."""
        self._looking = FailureSeries(log, "the other processes could not be looked at", RENEW_SECONDS)

    # ---- what this process holds ------------------------------------------------------------------------------------

    @property
    def has_lease(self) -> bool:
        return self._clock.monotonic() < self._trusted_until

    def without_lease(self) -> float:
        """Seconds for which this process has had no lease; 0 while it has one, and before `join`."""
        return max(self._clock.monotonic() - self._had_lease_until, 0.0)

    def owns_account(self, account_id: int) -> bool:
        return account_id in self._accounts and self.has_lease

    def shards(self) -> Shards:
        return self._shards if self.has_lease else _NO_SHARDS

    def owns_server(self, guild_id: int) -> bool:
        shards = self.shards()
        return shard_of(guild_id, shards.count) in shards.held

    def requests_per_second(self) -> float:
        """How many requests per second this process may send to Discord: its share of what all processes may send."""
        return self._requests.per_second()

    def share_of_requests(self) -> float:
        """Which part of Discord's requests this process may send, from 0 to 1."""
        return self._requests.per_second() / ALL

    async def take_named_lease(self, name: str) -> bool:
        if self._draining:
            return False
        taken = await self._write(lambda tx: processes.take_named_lease(tx, self.process_id, name))
        return taken and self.has_lease

    async def release_named_lease(self, name: str) -> None:
        await self._write(lambda tx: processes.release_named_lease(tx, self.process_id, name))

    def api_down_since(self, account_id: int) -> int | None:
        """Since when the API has been down for the process that should poll the account, in milliseconds UTC."""
        if not self._api_down_since:
            return None
        return self._api_down_since[process_for(account_id, self._api_down_since)]

    # ---- shards -----------------------------------------------------------------------------------------------------

    async def read_shards(self) -> tuple[list[ShardLease], list[Process]]:
        """The lease of every shard, and every live process. Raises StorageError."""
        return await processes.shard_leases(self._leases.reader), await processes.alive(self._leases.reader)

    async def agree_on_shards(self, wanted: int) -> int:
        """Sets the number of shards that Discord wants, unless some are already held; returns the number in force.
        Raises StorageError."""
        return await self._write(lambda tx: processes.set_shard_count(tx, wanted))

    async def take_shard(self, shard_id: int) -> bool:
        """Takes a shard that is free or that this process is the successor for; returns whether this process has it
        now. Raises StorageError."""
        taken = await self._write(lambda tx: processes.take_shard(tx, self.process_id, shard_id))
        await self._look_at_shards()
        return taken

    async def ask_for_shard(self, shard_id: int) -> bool:
        """Makes this process the successor for another process's shard; returns whether it is now. Raises
        StorageError."""
        return await self._write(lambda tx: processes.ask_for_shard(tx, self.process_id, shard_id))

    async def release_shard(self, shard_id: int) -> None:
        """Frees a shard of this process, or withdraws this process as the shard's successor. Raises StorageError."""
        await self._write(lambda tx: processes.release_shards(tx, self.process_id, [shard_id]))
        await self._look_at_shards()

    async def take_slot(self, name: str, spacing_s: float) -> float:
        """Takes the next slot of this name. All processes share the slots, and there is one every `spacing_s` seconds.
        Returns how many seconds to wait before trying again; 0 if the slot was taken. Raises StorageError."""
        return await self._write(lambda tx: processes.take_slot(tx, name, spacing_s))

    async def refused(self) -> Never:
        """Waits until this process may no longer work with the database, and raises the reason, a DatabaseUnusable."""
        await asyncio.shield(self._refusal)

    # ---- joining and leaving ----------------------------------------------------------------------------------------

    async def join(self) -> None:
        """Registers this process, and takes its share of the accounts. Raises StorageError and DatabaseUnusable."""
        await self._begin()
        await self._look()

    async def run(self) -> None:
        """Renews the lease, takes and releases accounts, and follows what others change, until it is cancelled."""
        watch = asyncio.create_task(self._watch_deadline(), name="lease")
        try:
            seconds = LOOK_SECONDS
            while True:
                await self._follow_changes(seconds)
                seconds = await self.turn()
        finally:
            await end_tasks([watch])

    async def _follow_changes(self, seconds: float) -> None:
        """Waits for `seconds`, and looks for others' changes meanwhile. After a failure, the next turn looks."""
        until = self._clock.monotonic() + seconds
        pause = FEED_SECONDS
        while (left := until - self._clock.monotonic()) > pause:
            await self._clock.sleep(pause)
            try:
                if self.has_lease:
                    await self._feed.look()
            except StorageError:
                pause = seconds
        await self._clock.sleep(left)

    async def begin_draining(self) -> None:
        """Prepares this process to end: it takes nothing more, and others poll its accounts. Raises StorageError."""
        self._draining = True
        self._set_accounts(frozenset())
        await self._write(lambda tx: processes.begin_draining(tx, self.process_id))

    async def leave(self) -> None:
        """Frees everything that this process holds. If the database is away, the lease runs out instead."""
        self._draining = True
        self._lose()
        try:
            async with self._leases.transaction() as tx:
                await processes.forget(tx, self.process_id)
        except StorageError as error:
            log.warning("the other processes have to wait until this one's lease runs out: %s", error)

    async def turn(self) -> float:
        """Renews the lease if it is time, and reads what others have changed; returns how many seconds to wait before
        the next turn. An unreachable database is logged."""
        try:
            if not self.has_lease and not self._draining:
                await self._begin()
            elif self.has_lease and self._clock.monotonic() >= self._renew_at:
                await self._renew()
            if self.has_lease:
                await self._look()
            self._looking.worked()
        except DatabaseUnusable as error:
            self._lose()
            if not self._refusal.done():
                self._refusal.set_exception(error)
                self._refusal.exception()  # Marks it as retrieved, even if nobody waits.
        except StorageError as error:
            return self._looking.failed(error)
        return LOOK_SECONDS

    # ---- the lease --------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Registers this process, or registers it again after it has lost its lease. What it held is then free in the
        database too."""
        self._lose()
        await self._check(self._leases.reader)
        asked_at = self._clock.monotonic()
        async with self._leases.transaction() as tx:
            await processes.forget(tx, self.process_id)
            self.bot_since = await processes.register(tx, self.process_id, self._version, self.bot_since)
        await self._note_server()
        await self._feed.begin()
        self._trust(asked_at)
        log.info("process %s works with the database", self.process_id)

    async def _renew(self) -> None:
        # The key may have been changed during an outage, and the tables by a newer version at any time.
        await self._check(self._leases.reader)
        asked_at = self._clock.monotonic()
        now = await self._write(lambda tx: processes.renew(tx, self.process_id))
        if now is None:
            self._lease_ran_out()
            return
        self._clock.set(now, asked_at)
        self._trust(asked_at)
        if self._leases.server != self.server:
            await self._feed.begin()  # The other server may have lost commits that are still in memory here.
            await self._note_server()
            self._changes.commit_doubted()

    async def _note_server(self) -> None:
        """Notes which run of the database's server is in use, so that messages that a failover may have lost are looked
        for."""
        server = self._leases.server
        if server != self.server:
            since = await self._write(lambda tx: processes.note_server(tx, server))
            self.search_first_until = since + SEARCH_FIRST_MS if since else 0
            self.server = server

    def _trust(self, asked_at: float) -> None:
        self._trusted_until = asked_at + LEASE_SECONDS - MARGIN_SECONDS
        self._had_lease_until = self._trusted_until
        self._renew_at = asked_at + RENEW_SECONDS

    def _lease_ran_out(self) -> None:
        log.warning("this process's lease has run out; others have what it held")
        self._lose()

    def _lose(self) -> None:
        self._trusted_until = -math.inf
        self._had_lease_until = min(self._had_lease_until, self._clock.monotonic())
        self._set_accounts(frozenset())
        self._set_shards(_NO_SHARDS)
        self._requests.lose()

    async def _watch_deadline(self) -> None:
        """Drops everything once the lease has expired. A renewal may hang if the database cannot be reached."""
        while True:
            left = self._trusted_until - self._clock.monotonic()
            if left <= 0 and (self._accounts or self._shards.held):
                log.warning("the database was not reached for too long; others may have what this process held")
                self._lose()
            await self._clock.sleep(min(max(left, LOOK_SECONDS), LEASE_SECONDS))

    # ---- a look at the rows -----------------------------------------------------------------------------------------

    async def _look(self) -> None:
        reader, asked_at = self._leases.reader, self._clock.monotonic()
        if await processes.has_dead(reader):
            dead = await self._write(processes.forget_dead)
            for process_id in dead:
                log.warning("process %s is gone; what it held is free", process_id)
        alive = await processes.alive(reader)
        if all(process.id != self.process_id for process in alive):
            self._lease_ran_out()  # Sooner than by this process's own clock: the server's was set ahead.
            return
        takers = [process for process in alive if not process.draining]
        await self._share_api_outages(takers)
        await self._share_accounts(frozenset(process.id for process in takers))
        shards = await self._look_at_shards()
        share = fair_requests(len(shards.held), shards.count, len(alive))
        self._requests.note(asked_at, share, alone=len(alive) == 1)
        await self._feed.look()
        if self._clock.monotonic() >= self._delete_changes_at:
            self._delete_changes_at = self._clock.monotonic() + DELETE_SECONDS
            if await self.take_named_lease(_FEED_LEASE):
                await self._write(self._feed.delete_old)

    async def _share_api_outages(self, pollers: Collection[Process]) -> None:
        """Tells the other processes whether the API is down for this one, and notes for which of them it is."""
        before = self._api_down_since
        self._api_down_since = {process.id: process.api_down_since for process in pollers}
        here = self.api_down_since_here()
        if self.process_id in self._api_down_since and self._api_down_since[self.process_id] != here:
            await self._write(lambda tx: processes.note_api(tx, self.process_id, here))
        if self._api_down_since != before and any((*before.values(), *self._api_down_since.values())):
            self._changes.api_changed_elsewhere()

    async def _share_accounts(self, takers: frozenset[str]) -> None:
        should = accounts_of(self.process_id, frozenset(self._all_accounts()), takers)
        self._to_release |= self._accounts - should
        if self._to_release:
            given = self._to_release
            self._set_accounts(self._accounts & should)
            await self._write(lambda tx: processes.release_accounts(tx, self.process_id, given))
            self._to_release = frozenset()
        missing = should - self._accounts
        if missing:
            taken = await self._write(lambda tx: processes.take_accounts(tx, self.process_id, missing))
            self._set_accounts(self._accounts.union(taken))

    async def _look_at_shards(self) -> Shards:
        """Notes in which servers this process posts; returns the shards that it holds, without orphaned ones."""
        leases = await processes.shard_leases(self._leases.reader)
        if not leases:
            return _NO_SHARDS
        held = [lease.shard_id for lease in leases if lease.owner == self.process_id]
        # If a shard is in no process's SHARD_IDS, nobody takes it. Then every process posts in its servers.
        orphaned = [lease.shard_id for lease in leases if lease.free_s > LEASE_SECONDS]
        self._set_shards(Shards(len(leases), (*held, *orphaned)))
        return Shards(len(leases), tuple(held))

    async def _write(self, action: Callable[[Transaction], Awaitable[_T]]) -> _T:
        async with self._leases.transaction() as tx:
            return await action(tx)

    def _set_accounts(self, accounts: frozenset[int]) -> None:
        before, self._accounts = self._accounts, accounts
        for account_id in before ^ accounts:
            self._changes.account_moved(account_id)

    def _set_shards(self, shards: Shards) -> None:
        before, self._shards = self._shards, shards
        if before != shards:
            self._changes.servers_moved()
