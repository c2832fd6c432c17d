"""Records what is new in responses about jobs. Jobs change and end only here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from itertools import count

from model import snapshots
from model.job import Job, JobState, Outcome, outcome_of_state
from model.states import DeliveryKind
from pixverse.jobids import is_v2
from relay import merge
from relay.changes import Changes
from relay.delivery import nonces
from relay.delivery.batch_end import end_without_outcome
from relay.polling import schedule
from relay.polling.job_fetcher import Accounts
from relay.polling.schedule import Timing
from storage import batches, deliveries, delivery_queries, follows, jobs, subscriptions
from storage.database import Database, Transaction
from storage.follows import FollowRow
from storage.jobs import JobRow
from storage.subscriptions import SubscriptionRow

log = logging.getLogger(__name__)

_FILE_MISSED_AFTER = 5 * 60_000
"""Milliseconds for which a complete job without a file is requested again."""
_CLOCKS_APART = 5 * 60_000
"""Milliseconds by which the API's clock and this machine's may differ."""
OLD_END_MS = 10 * 60_000
"""Milliseconds after a job's end. If the bot first learns of the job later than that, the job is not posted in channels
that only follow its account."""


class Recorded(Enum):
    """What a response brought."""

    NOTHING = "nothing"
    NEWS = "news"
    ENDED = "ended"


class JobRecorder:
    """Records responses, and signals what has changed. Every method raises StorageError if the database fails; nothing
    is changed then.

    `discord_now` returns the time by Discord's clock in milliseconds UTC: this machine's may be wrong.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        changes: Changes,
        timing: Timing,
        discord_now: Callable[[], int],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._changes = changes
        self._clock = timing.clock
        self._interval = timing.interval
        self._discord_now = discord_now

    async def record_response(
        self, job_id: int, response: Job, account_id: int, ran_until: int | None = None
    ) -> Recorded:
        """Records the job's state from a response to a request with this account's token.

        Writes nothing if nothing is new, or if the job has moved to another account since the request. `ran_until` is
        when the job was last seen active (milliseconds UTC), if the caller knows.
        """
        row = await jobs.by_id(self._database.reader, job_id)
        if row is None or not _brings_news(row, _without_file(row, response, self._clock.now())):
            return Recorded.NOTHING
        async with self._database.transaction() as tx:
            row = await jobs.by_id(tx, job_id)
            if row is None or row.account_id != account_id:
                return Recorded.NOTHING
            now, discord_now = self._clock.now(), self._discord_now()
            recorded = await apply_response(tx, self._accounts, row, response, now, ran_until, discord_now=discord_now)
        return self._signal(job_id, recorded)

    async def note_active(self, job_id: int, at: int) -> None:
        """Stores when the job was last seen active, for the process that will see its end."""
        async with self._database.transaction() as tx:
            row = await jobs.by_id(tx, job_id)
            known = snapshots.load(row.snapshot) if row is not None and row.ended_at is None else None
            if row is not None and known is not None:
                await jobs.change(tx, job_id, snapshots.dump(replace(known, ran_until=at)), row.changed_at)

    async def record_missing(self, job_id: int, account_id: int, ran_until: int | None = None) -> Recorded:
        """Records that the API does not know the job, in a response to a request with this account's token.

        Ends the job the second time, if that is at least an interval and at least a minute after the first, with no
        other response in between: a list that names the job is one, and `ran_until` is when the job was last seen
        active (milliseconds UTC). Does nothing if the job has moved to another account since.
        """
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await jobs.by_id(tx, job_id)
            if row is None or row.ended_at is not None or row.account_id != account_id:
                return Recorded.NOTHING
            since = schedule.missing_since(row.missing_since, ran_until, now)
            if since != row.missing_since:
                await jobs.set_missing(tx, job_id, since)
            if not schedule.is_confirmed_missing(since, now, self._interval):
                return Recorded.NOTHING
            await end_job(tx, self._accounts, row, Outcome.NOT_FOUND, now)
        return self._signal(job_id, Recorded.ENDED)

    async def record_expired(self, job_id: int, account_id: int) -> Recorded:
        """Ends a job whose record the API has deleted, by its response to a request with this account's token."""
        return await self._end(job_id, Outcome.EXPIRED, account_id)

    async def give_up(self, job_id: int) -> Recorded:
        """Ends a job that has been watched for too long."""
        return await self._end(job_id, Outcome.GIVEN_UP)

    async def give_up_on_hold(self, before: int) -> None:
        """Gives up jobs that have been on hold since `before` (milliseconds UTC) because no server that waits for them
        uses their account any more. They are not polled, so they would never end.

        If such a job has ended for other servers meanwhile, the servers that still wait get no message, because they
        may not see its outcome.
        """
        for job_id in await jobs.open_since_before(self._database.reader, before):
            async with self._database.transaction() as tx:
                row = await jobs.by_id(tx, job_id)
                waiting = await subscriptions.open_of_job(tx, job_id)
                if row is None or any(self._accounts.in_force(one.guild_id) == row.account_id for one in waiting):
                    continue
                now = self._clock.now()
                if row.ended_at is None:
                    await end_job(tx, self._accounts, row, Outcome.GIVEN_UP, now)
                    row = await jobs.by_id(tx, job_id) or row
                for subscription in await subscriptions.open_of_job(tx, job_id):
                    if row.outcome is Outcome.GIVEN_UP and await _is_owed(tx, job_id, subscription):
                        await post_outcome(tx, row, subscription, now)
                    else:
                        await end_silently(tx, subscription, now)
            self._signal(job_id, Recorded.ENDED)

    async def refresh_ended(self, job_id: int, response: Job) -> None:
        """Stores the fresh links of an ended job, if the response has links and the same outcome."""
        if not response.media:
            return
        async with self._database.transaction() as tx:
            row = await jobs.by_id(tx, job_id)
            if row is None or row.outcome is None or row.outcome is not outcome_of_state(response.state):
                return
            known = snapshots.load(row.snapshot)
            snapshot = snapshots.dump(response if known is None else merge.with_known_files(known, response))
            if snapshot != row.snapshot:
                await jobs.change(tx, job_id, snapshot, row.changed_at)

    async def deliver_on_hold(self, account_id: int) -> None:
        """Posts the outcomes of the account's ended jobs to servers that have only now become allowed to see them."""
        for job_id in await subscriptions.ended_jobs_with_open(self._database.reader, account_id):
            async with self._database.transaction() as tx:
                row = await jobs.by_id(tx, job_id)
                if row is None or row.ended_at is None:
                    continue
                await _end_subscriptions(tx, self._accounts, row, self._clock.now())
            self._signal(job_id, Recorded.ENDED)

    async def _end(self, job_id: int, outcome: Outcome, account_id: int | None = None) -> Recorded:
        async with self._database.transaction() as tx:
            row = await jobs.by_id(tx, job_id)
            if row is None or row.ended_at is not None or account_id not in (None, row.account_id):
                return Recorded.NOTHING
            await end_job(tx, self._accounts, row, outcome, self._clock.now())
        return self._signal(job_id, Recorded.ENDED)

    def _signal(self, job_id: int, recorded: Recorded) -> Recorded:
        if recorded is Recorded.ENDED:
            self._changes.deliveries_added()
        if recorded is not Recorded.NOTHING:
            self._changes.job_news(job_id)
        return recorded


async def apply_response(
    tx: Transaction,
    accounts: Accounts,
    row: JobRow,
    response: Job,
    now: int,
    ran_until: int | None = None,
    *,
    discord_now: int,
    asked_in: int | None = None,
) -> Recorded:
    """Writes what is new in the response, within an open transaction, and returns what that was.

    `now` is the time by this machine's clock, `discord_now` by Discord's. `asked_in` is the channel in which somebody
    is just asking for the job; the caller subscribes it. `ran_until` is when this process last saw the job active.
    Times are milliseconds UTC.
    """
    if row.ended_at is not None:
        _log_contrary(row, response)
        return Recorded.NOTHING
    known, response = snapshots.load(row.snapshot), _without_file(row, response, now)
    outcome = outcome_of_state(response.state)
    if outcome is None:
        job = merge.onward(known, response)
        is_news = job != known
        if is_v2(row.jobid):
            # This time is stored for a later `_last_active`. It is no news: no card shows it.
            job = replace(job, ran_until=now)
        await _store(tx, row, job, now if is_news else row.changed_at)
        return Recorded.NEWS if is_news else Recorded.NOTHING
    seen_at = _last_active(row, known, ran_until)
    job = _at_its_end(known, response, seen_at, now)
    await _store(tx, row, job, now)
    if seen_at is not None or not is_old_end(job, discord_now):
        await _subscribe_followers(tx, accounts, row, job, now, seen_at=seen_at, but=asked_in)
    await end_job(tx, accounts, row, outcome, now, was_active=seen_at is not None)
    return Recorded.ENDED


def _last_active(row: JobRow, known: Job | None, ran_until: int | None) -> int | None:
    """When the bot last saw the job active, in milliseconds UTC; None if it never did.

    The latest of three times: when this process saw it (`ran_until`), when any process stored that it saw it
    (`known.ran_until`, only of v2 jobs and only every few minutes), and the last change of the job.
    """
    if known is None or known.state.ends:
        return None
    return max(ran_until or 0, known.ran_until or 0, row.changed_at)


def _at_its_end(known: Job | None, response: Job, seen_at: int | None, now: int) -> Job:
    """What is stored of a job that has ended by a response. If the response does not tell when, the times tell at which
    the bot last saw it active and saw its end; if the bot never saw it active, nothing does."""
    if seen_at is not None and response.updated is None:
        response = replace(response, ran_until=seen_at, ended_by=now)
    return merge.onward(None if known is None else replace(known, ran_until=None), response)


async def _store(tx: Transaction, row: JobRow, job: Job, changed_at: int) -> None:
    """Stores the job if it differs from what is stored. `changed_at` is in milliseconds UTC."""
    snapshot = snapshots.dump(job)
    if snapshot != row.snapshot:
        await jobs.change(tx, row.id, snapshot, changed_at)
    elif row.missing_since is not None:
        await jobs.set_missing(tx, row.id, None)


async def end_job(
    tx: Transaction, accounts: Accounts, row: JobRow, outcome: Outcome, now: int, *, was_active: bool = False
) -> None:
    """Ends the job and its subscriptions, and adds their outcomes to the outbox.

    Subscriptions of servers that use another account now stay open, on hold. `was_active` tells whether the API showed
    the job before its end.
    """
    await jobs.end(tx, row.id, outcome, now)
    await deliveries.drop_waiting_cards(tx, row.id)
    await _end_subscriptions(tx, accounts, row, now, was_active=was_active)
    log.info("job #%d has ended: %s", row.id, outcome)


async def post_outcome(tx: Transaction, row: JobRow, subscription: SubscriptionRow, now: int) -> None:
    """Ends the subscription and adds the job's outcome to the outbox. The last outcome of a batch closes the batch."""
    await subscriptions.end(tx, subscription.id, now)
    closes = subscription.batch_id is not None and await batches.end_if_done(tx, subscription.batch_id, now)
    await deliveries.add_outcome(
        tx,
        subscription_id=subscription.id,
        job_round=row.round,
        guild_id=subscription.guild_id,
        channel_id=subscription.channel_id,
        base_nonce=await _outcome_nonce(tx, row, subscription.channel_id),
        closes_batch=closes,
        now=now,
    )


async def end_silently(tx: Transaction, subscription: SubscriptionRow, now: int) -> None:
    """Ends the subscription without an outcome."""
    await subscriptions.end(tx, subscription.id, now)
    if subscription.batch_id is not None:
        await end_without_outcome(tx, subscription.batch_id, now)


async def _outcome_nonce(tx: Transaction, row: JobRow, channel_id: int) -> str:
    """The nonce of the job's outcome in a channel. It differs from the nonces of outcomes such as "not found" that were
    posted there before, for the same job id under another account."""
    nonces_of_it = (nonces.for_job(row.jobid, channel_id, DeliveryKind.OUTCOME, row.round, after) for after in count())
    nonce = next(nonces_of_it)
    while await delivery_queries.tells_of_another_account(tx, nonce, row.id):
        nonce = next(nonces_of_it)
    return nonce


async def _end_subscriptions(
    tx: Transaction, accounts: Accounts, row: JobRow, now: int, *, was_active: bool = False
) -> None:
    for subscription in await subscriptions.open_of_job(tx, row.id):
        if accounts.in_force(subscription.guild_id) != row.account_id:
            continue
        if was_active or await _is_owed(tx, row.id, subscription):
            await post_outcome(tx, row, subscription, now)
        else:
            await end_silently(tx, subscription, now)


async def _subscribe_followers(
    tx: Transaction, accounts: Accounts, row: JobRow, job: Job, now: int, *, seen_at: int | None, but: int | None
) -> None:
    """Subscribes the channels that follow the account, except the channel `but`, to a job that is about to end.

    A channel lacks the subscription if no list or callback named the job in time; then somebody asked for the job
    elsewhere. A job that ended before the follow began is not relayed. `seen_at` is when this bot last saw the job
    active, if it did.
    """
    last = (job.updated or job.created or 0) + _CLOCKS_APART if seen_at is None else seen_at
    for follow in await follows.of_account(tx, row.account_id):
        if follow.channel_id == but or follow.created_at > last or not is_in_effect(accounts, follow):
            continue
        if not await subscriptions.in_channel_by_jobid(tx, follow.guild_id, follow.channel_id, row.jobid):
            await follows.add_subscription(tx, follow, row.id, now=now)


def is_in_effect(accounts: Accounts, follow: FollowRow) -> bool:
    """Whether the server uses its own account, and follows that account. If not, the follow is paused."""
    return accounts.own(follow.guild_id) == accounts.in_force(follow.guild_id) == follow.account_id


def is_old_end(job: Job, now: int) -> bool:
    """Whether the job ended too long ago to be relayed to a channel in which nobody asked for it. `now` is the time by
    Discord's clock, in milliseconds UTC: a job's times are the API's, whose clock is right too."""
    last = job.updated or job.created
    return job.state.ends and last is not None and now - last > OLD_END_MS


async def _is_owed(tx: Transaction, job_id: int, subscription: SubscriptionRow) -> bool:
    """Whether the subscription gets an outcome. A subscription that only comes from a follow gets none if no response
    ever showed the job, or if the job had ended before the channel followed the account."""
    if not subscription.followed or await subscriptions.count_subscribers(tx, subscription.id):
        return True
    row = await jobs.by_id(tx, job_id)
    job = snapshots.load(row.snapshot) if row is not None else None
    if job is None:
        return False
    follow = await follows.of_channel(tx, subscription.guild_id, subscription.channel_id)
    if follow is None or job.updated is None or not job.state.ends:
        return True
    return job.updated >= min(follow.created_at, subscription.created_at) - _CLOCKS_APART


def _without_file(row: JobRow, response: Job, now: int) -> Job:
    """`response` as it is to be recorded, if the API may have called the job complete without showing its file.

    Such a response gets the time since when the file has been missing. If that was minutes ago, the job is recorded as
    completed, with the files that are known. The job's last change does not tell the time, because each response may
    bring another link or time.
    """
    if not response.lacks_file:
        return response
    known = snapshots.load(row.snapshot)
    since = now
    if known is not None and known.lacks_file:
        since = min(now, row.changed_at if known.lacks_file_since is None else known.lacks_file_since)
        if now - since >= _FILE_MISSED_AFTER:
            return replace(response, state=JobState.COMPLETED, media=response.media or known.media)
    return replace(response, lacks_file_since=since)


def _brings_news(row: JobRow, response: Job) -> bool:
    if row.ended_at is not None:
        _log_contrary(row, response)
        return False
    if response.state.ends or row.missing_since is not None:
        return True
    known = snapshots.load(row.snapshot)
    return merge.onward(known, response) != known


def _log_contrary(row: JobRow, response: Job) -> None:
    outcome = outcome_of_state(response.state)
    if outcome is None or outcome is not row.outcome:
        log.warning("job #%d has ended (%s); the API now says that it is %s", row.id, row.outcome, response.state.value)
