"""What becomes of an account's jobs that were found: every channel that follows the account waits for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from model.messages import NoticePost
from model.states import DeliveryKind, NoticeKind
from pixverse.jobids import is_jobid
from relay.changes import Changes
from relay.delivery import admin_notices as notices
from relay.delivery import nonces
from relay.polling.job_fetcher import Accounts
from relay.ports import Clock
from storage import deliveries, follows, jobs, moves, servers, subscriptions
from storage.database import Database, Transaction
from storage.follows import FollowRow
from storage.to_the_end import to_the_end

log = logging.getLogger(__name__)

_BATCH = 100
"""Ids to a transaction, so that nobody waits long for the database."""
_DAY = 24 * 3600 * 1000
_CARD_AFTER = 2000
"""Milliseconds for which a card waits for the API's first word on its job: one that says nothing would stand for ten
seconds."""


class FollowedAccounts(Accounts, Protocol):
    """The API accounts, as follows need them."""

    def own(self, guild_id: int) -> int | None:
        """The account that a server has set for itself."""

    def doubt(self, account_id: int) -> None:
        """Has the account's token tried at once."""


@dataclass(slots=True)
class ImportResult:
    """What came of a number of ids."""

    found: list[int] = field(default_factory=list)
    """Numbers of jobs for which a channel waits that did not before."""
    left_out: set[str] = field(default_factory=set)
    """Ids for which a server had no room."""
    without_room: dict[FollowRow, int] = field(default_factory=dict)
    """For how many of them which follow had no room."""
    with_room: set[int] = field(default_factory=set)
    """The servers that took one."""


class JobImporter:
    """Subscribes followed channels. `interval`: seconds between two questions about one job; `most_of_guild`: how many
    open subscriptions a server may have; `serves`: whether the operator lets the bot serve a server."""

    def __init__(
        self,
        database: Database,
        accounts: FollowedAccounts,
        changes: Changes,
        clock: Clock,
        *,
        interval: float,
        most_of_guild: int,
        serves: Callable[[int], bool],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._changes = changes
        self._clock = clock
        self._card_after = min(_CARD_AFTER, round(interval * 1000))
        self._most_of_guild = most_of_guild
        self._serves = serves
        self._full: set[int] = set()
        self._strange: dict[int, int] = {}

    def holds(self, follow: FollowRow) -> bool:
        """Whether a follow is of the server's own account, that is in force there, and the server is served; else it
        rests."""
        if not self._serves(follow.guild_id):
            return False
        own, in_force = self._accounts.own(follow.guild_id), self._accounts.in_force(follow.guild_id)
        return own == in_force == follow.account_id

    async def import_jobs(self, account_id: int, jobids: Collection[str]) -> ImportResult:
        """Subscribes every channel that follows the account to these of its jobs.

        Passes over ids that are none of PixVerse, and jobs that have ended or were ever watched in the channel. Raises
        StorageError as the database does; what was committed before is told on all the same.
        """
        result = ImportResult()
        usable = [jobid for jobid in jobids if is_jobid(jobid)]
        self._note_strange(account_id, len(jobids) - len(usable))
        for batch in _batches(usable):
            # An account that is followed no more breaks this off: what is committed must be polled all the same.
            await to_the_end(self._import_batch(account_id, batch, result))
        await self._tell_of_limits(result)
        return result

    async def _import_batch(self, account_id: int, jobids: Sequence[str], result: ImportResult) -> None:
        async with self._database.transaction() as tx:
            found = await self._subscribe_batch(tx, account_id, jobids, result)
        result.found += found
        self._tell(found)

    async def _subscribe_batch(
        self, tx: Transaction, account_id: int, jobids: Sequence[str], result: ImportResult
    ) -> list[int]:
        found: dict[int, None] = {}
        for follow in filter(self.holds, await follows.of_account(tx, account_id)):
            wanted = await follows.not_yet_in(tx, follow, jobids)
            room = max(0, self._most_of_guild - await subscriptions.count_open_of_guild(tx, follow.guild_id))
            for jobid in wanted[:room]:
                found[await self._subscribe(tx, follow, jobid)] = None
                result.with_room.add(follow.guild_id)
            if wanted[room:]:
                result.left_out.update(wanted[room:])
                result.without_room[follow] = result.without_room.get(follow, 0) + len(wanted[room:])
        return list(found)

    async def _subscribe(self, tx: Transaction, follow: FollowRow, jobid: str) -> int:
        now = self._clock.now()
        row = await jobs.add(tx, follow.account_id, jobid, None, now)
        if not await subscriptions.open_of_job(tx, row.id):
            await jobs.rewatch(tx, row.id, now)
        await moves.to_job(tx, row.id, follow.guild_id, follow.channel_id, now)
        subscription_id = await follows.add_subscription(tx, follow, row.id, most_of_guild=self._most_of_guild, now=now)
        if subscription_id is not None and follow.progress:
            await deliveries.add_card(
                tx,
                subscription_id=subscription_id,
                guild_id=follow.guild_id,
                channel_id=follow.channel_id,
                base_nonce=nonces.for_job(jobid, follow.channel_id, DeliveryKind.CARD),
                now=now + self._card_after,
            )
        return row.id

    def _tell(self, found: Collection[int]) -> None:
        if found:
            log.info("Jobs of followed accounts found: %d", len(found))
            self._changes.jobs_found(found)
            self._changes.deliveries_added()

    def _note_strange(self, account_id: int, strange: int) -> None:
        """One line, until their number changes."""
        if strange and self._strange.get(account_id) != strange:
            log.warning("The list of account %d names %d ids that are none of PixVerse", account_id, strange)
        self._strange[account_id] = strange

    # ---- the limit --------------------------------------------------------------------------------------------------

    async def _tell_of_limits(self, result: ImportResult) -> None:
        """Says once that a server has no room, until it has had room for everything again."""
        lacking = {follow.guild_id for follow in result.without_room}
        self._full -= result.with_room - lacking
        for follow, count in result.without_room.items():
            if follow.guild_id not in self._full:
                await self._tell_of_limit(follow, count)
                self._full.add(follow.guild_id)

    async def _tell_of_limit(self, follow: FollowRow, count: int) -> None:
        """At most once a day, also where the bot is started anew."""
        now = self._clock.now()
        notice = NoticePost(NoticeKind.NO_ROOM, "", jobs=count, channel_id=follow.channel_id, limit=self._most_of_guild)
        async with self._database.transaction() as tx:
            server = await servers.get(tx, follow.guild_id)
            alerts = server.alerts_channel if server is not None else None
            await deliveries.add_notice(
                tx,
                guild_id=follow.guild_id,
                channel_id=follow.channel_id if alerts is None else alerts,
                base_nonce=nonces.for_notice("", follow.guild_id, 0, notice.kind, now // _DAY),
                notice_json=notices.dump(notice),
                now=now,
            )
        self._changes.deliveries_added()


def _batches(jobids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(jobids), _BATCH):
        yield jobids[start : start + _BATCH]
