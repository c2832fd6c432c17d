"""Subscribes the channels that follow an account to jobs of that account."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from model.messages import NoticePost
from model.states import DeliveryKind, NoticeKind
from pixverse.jobids import is_jobid
from relay.changes import Changes
from relay.commands.subscribe import Limits
from relay.delivery import nonces, notice_json
from relay.polling.job_fetcher import Accounts
from relay.polling.job_recorder import is_in_effect
from relay.polling.schedule import Timing
from storage import deliveries, follows, jobs, moves, servers, subscriptions
from storage.database import Database, Transaction
from storage.follows import FollowRow
from storage.run_to_completion import run_to_completion

log = logging.getLogger(__name__)

_BATCH = 100
"""Maximum number of ids in one transaction, so that others don't wait long for the database."""
_DAY = 24 * 3600 * 1000
_CARD_AFTER = 2000
"""Milliseconds by which a card is delayed, so that the API has described the job by then. A card without a description
would stay like that for ten seconds."""


@dataclass(slots=True)
class ImportResult:
    """The result of an import of jobs."""

    found: list[int] = field(default_factory=list)
    """Numbers of the jobs to which at least one channel was subscribed."""
    left_out: set[str] = field(default_factory=set)
    """Ids of jobs that a server could not take, because it already waits for as many as it may."""
    full: dict[FollowRow, int] = field(default_factory=dict)
    """How many jobs were left out, by follow."""
    not_full: set[int] = field(default_factory=set)
    """The servers that took a job."""


class JobImporter:
    """Subscribes channels to jobs, within the servers' limits."""

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        changes: Changes,
        timing: Timing,
        limits: Limits,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._changes = changes
        self._clock = timing.clock
        self._card_after = min(_CARD_AFTER, round(timing.interval * 1000))
        self._max_open = limits.open_per_server
        self._reported_full: set[int] = set()
        self._foreign_ids: dict[int, int] = {}

    async def followed_accounts(self) -> set[int]:
        """The accounts of the follows that are in effect. Raises StorageError if the database fails."""
        following = await follows.every(self._database.reader)
        self._reported_full &= {row.guild_id for row in following}
        for account_id in self._foreign_ids.keys() - {row.account_id for row in following}:
            del self._foreign_ids[account_id]
        return {row.account_id for row in following if self._is_in_effect(row)}

    def _is_in_effect(self, follow: FollowRow) -> bool:
        return is_in_effect(self._accounts, follow)

    async def wants(self, account_id: int, jobid: str) -> bool:
        """Whether `import_jobs` would subscribe a channel to this job, if its server has room. Raises StorageError if
        the database fails."""
        reader = self._database.reader
        for follow in filter(self._is_in_effect, await follows.of_account(reader, account_id)):
            if await follows.not_yet_in(reader, follow, [jobid]):
                return True
        return False

    async def import_jobs(self, account_id: int, jobids: Collection[str]) -> ImportResult:
        """Subscribes every channel that follows the account to these jobs.

        Skips ids that are not PixVerse's, and jobs that have ended or were watched in the channel before. Raises
        StorageError if the database fails; jobs from earlier batches of ids are still watched then.
        """
        result = ImportResult()
        usable = [jobid for jobid in jobids if is_jobid(jobid)]
        self._log_foreign_ids(account_id, len(jobids) - len(usable))
        for batch in _batches(usable):
            # The end of a follow may cancel this task just after a commit; those jobs must still be polled.
            await run_to_completion(self._import_batch(account_id, batch, result))
        await self._report_limits(result)
        return result

    async def _import_batch(self, account_id: int, jobids: Sequence[str], result: ImportResult) -> None:
        async with self._database.transaction() as tx:
            found = await self._subscribe_batch(tx, account_id, jobids, result)
        result.found += found
        if found:
            log.info("jobs of followed accounts found: %d", len(found))
            self._changes.jobs_found(found)
            self._changes.deliveries_added()

    async def _subscribe_batch(
        self, tx: Transaction, account_id: int, jobids: Sequence[str], result: ImportResult
    ) -> list[int]:
        found: dict[int, None] = {}
        for follow in filter(self._is_in_effect, await follows.of_account(tx, account_id)):
            wanted = await follows.not_yet_in(tx, follow, jobids)
            room = max(0, self._max_open - await subscriptions.count_open_of_guild(tx, follow.guild_id))
            for jobid in wanted[:room]:
                found[await self._subscribe(tx, follow, jobid)] = None
                result.not_full.add(follow.guild_id)
            if wanted[room:]:
                result.left_out.update(wanted[room:])
                result.full[follow] = result.full.get(follow, 0) + len(wanted[room:])
        return list(found)

    async def _subscribe(self, tx: Transaction, follow: FollowRow, jobid: str) -> int:
        now = self._clock.now()
        row = await jobs.add(tx, follow.account_id, jobid, None, now)
        if not await subscriptions.open_of_job(tx, row.id):
            await jobs.restart_age(tx, row.id, now)
        await moves.to_job(tx, row.id, follow.guild_id, follow.channel_id, now)
        subscription_id = await follows.add_subscription(tx, follow, row.id, max_open=self._max_open, now=now)
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

    def _log_foreign_ids(self, account_id: int, strange: int) -> None:
        """Logs how many ids are not PixVerse's, whenever their number changes."""
        if strange and self._foreign_ids.get(account_id) != strange:
            log.warning("the list of account %d names %d ids that are not PixVerse's", account_id, strange)
        self._foreign_ids[account_id] = strange

    # ---- the limit --------------------------------------------------------------------------------------------------

    async def _report_limits(self, result: ImportResult) -> None:
        """Notifies the admins of a full server. It is notified again only after it has been able to take all jobs."""
        full = {follow.guild_id for follow in result.full}
        self._reported_full -= result.not_full - full
        for follow, count in result.full.items():
            if follow.guild_id not in self._reported_full:
                await self._report_limit(follow, count)
                self._reported_full.add(follow.guild_id)

    async def _report_limit(self, follow: FollowRow, count: int) -> None:
        """Adds the notice about a full server, at most once a day even across restarts, since the nonce includes the
        day."""
        now = self._clock.now()
        notice = NoticePost(NoticeKind.NO_ROOM, "", jobs=count, channel_id=follow.channel_id, limit=self._max_open)
        async with self._database.transaction() as tx:
            server = await servers.get(tx, follow.guild_id)
            alerts = server.alerts_channel if server is not None else None
            channel_id = follow.channel_id if alerts is None else alerts
            await notice_json.add(tx, follow.guild_id, channel_id, notice, now, at=now // _DAY, about=0)
        self._changes.deliveries_added()


def _batches(jobids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(jobids), _BATCH):
        yield jobids[start : start + _BATCH]
