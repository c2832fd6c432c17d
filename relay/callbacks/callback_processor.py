"""Acts on callbacks. A callback is only a hint: nothing is posted that the API itself has not confirmed."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from enum import StrEnum

from pixverse.api_errors import PixVerseError
from pixverse.callback_body import CallbackBody, read_callback
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.changes import Changes
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.failures import FailureSeries, log_failure
from relay.polling.job_fetcher import Accounts
from relay.ports import Clock
from storage import committed_changes, jobs, servers, subscriptions
from storage.database import Database
from storage.errors import StorageUnavailable
from storage.jobs import JobRow

log = logging.getLogger(__name__)

MAX_WAITING = 2000
"""Maximum number of waiting callbacks, counted by job, for all servers."""
MAX_OF_ONE_SERVER = 100
"""Maximum for one server. A useapi.net account has at most ten active jobs for each of its channels."""
_LONGEST_SLEEP_SECONDS = 30.0
_NOTED_EVERY_MS = 60_000


class CallbackUse(StrEnum):
    """How a callback was used."""

    ASKED = "asked"
    """It reported the end of an open job, so the API is asked."""
    PROGRESS = "progress"
    ENDED = "ended"
    """Its job was already known to have ended."""
    FOLLOWED = "followed"
    """Its job was unknown, but belongs to a followed account."""
    UNKNOWN = "unknown"
    """Nobody waits for its job."""
    UNREADABLE = "unreadable"
    TOO_MANY = "too many"
    """It was dropped, because too many callbacks came."""


class FairQueue:
    """A queue of callbacks. Servers take turns, so a flood to one address does not delay the others. Several callbacks
    about a job are merged into one, which reports an end if any of them does."""

    def __init__(self, max_waiting: int = MAX_WAITING, max_of_one_server: int = MAX_OF_ONE_SERVER) -> None:
        self._max_waiting = max_waiting
        self._max_of_one_server = max_of_one_server
        self._waiting: dict[int, dict[str, bool]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, guild_id: int, body: CallbackBody) -> bool:
        """Adds a callback behind the others of its server; returns False if the queue is full."""
        waiting = self._waiting.get(guild_id, {})
        if body.jobid not in waiting:
            if self._length >= self._max_waiting or len(waiting) >= self._max_of_one_server:
                return False
            self._length += 1
        waiting[body.jobid] = waiting.get(body.jobid, False) or body.reports_end
        self._waiting.setdefault(guild_id, waiting)
        return True

    def take(self) -> tuple[int, CallbackBody] | None:
        """The next server and its oldest callback; None if nothing waits."""
        guild_id = next(iter(self._waiting), None)
        if guild_id is None:
            return None
        waiting = self._waiting.pop(guild_id)
        jobid = next(iter(waiting))
        reports_end = waiting.pop(jobid)
        self._length -= 1
        if waiting:
            self._waiting[guild_id] = waiting  # The server is last in turn now.
        return guild_id, CallbackBody(jobid, reports_end)


class CallbackProcessor:
    """Accepts callbacks at once, and acts on them later, one by one.

    A callback is applied only to jobs of the server's own account.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        unknown: UnknownJobs,
        changes: Changes,
        clock: Clock,
        ownership: Ownership = ALONE,
    ) -> None:
        self._database = database
        self._ownership = ownership
        self._accounts = accounts
        self._unknown = unknown
        self._changes = changes
        self._clock = clock
        self._queue = FairQueue()
        self._came_at: dict[int, int] = {}
        """By server: the time of its last callback that was or will be noted, in milliseconds UTC. Kept for a minute;
        the earliest comes first."""
        self._to_note: dict[int, int] = {}
        """By server: the time that is yet to be noted, in milliseconds UTC."""
        self._woken = asyncio.Event()
        self.counts: Counter[CallbackUse] = Counter()
        """How many callbacks were used in each way since the start."""
        self.heartbeat = clock.monotonic()
        """When the loop last turned, in monotonic seconds. It turns at least every 30 seconds."""
        self._failures = 0
        self._reading = FailureSeries(log, "callbacks could not be acted on", _LONGEST_SLEEP_SECONDS)

    @property
    def failures(self) -> int:
        """How often something other than the callback was at fault."""
        return self._failures + self._unknown.failures

    def received(self, guild_id: int, body: bytes) -> None:
        """Accepts a callback to the server's address. Returns at once, whatever the body contains."""
        now = self._clock.now()
        self._forget_noted(now)
        if guild_id not in self._came_at:
            self._came_at[guild_id] = self._to_note[guild_id] = now
            self._woken.set()
        try:
            callback = read_callback(body)
        except PixVerseError as error:
            self.counts[CallbackUse.UNREADABLE] += 1
            log.debug("a callback of server %d is of no use: %s", guild_id, error)
            return
        if self._queue.add(guild_id, callback):
            self._woken.set()
        else:
            self.dropped()

    def dropped(self) -> None:
        """Counts a callback that was dropped because too many came."""
        self.counts[CallbackUse.TOO_MANY] += 1

    def _forget_noted(self, now: int) -> None:
        while self._came_at:
            guild_id, at = next(iter(self._came_at.items()))
            if abs(now - at) < _NOTED_EVERY_MS:
                return
            del self._came_at[guild_id]

    async def run(self) -> None:
        """Acts on callbacks until it is cancelled. Failures are logged and counted. While the database fails, callbacks
        wait: perhaps no list names their jobs, so that the poller never sees them."""
        try:
            while True:
                self.heartbeat = self._clock.monotonic()
                await self._note_servers()
                while (waiting := self._queue.take()) is not None:
                    self.heartbeat = self._clock.monotonic()
                    await self._process(*waiting)
                    self.heartbeat = self._clock.monotonic()
                await sleep_unless_woken(self._clock, _LONGEST_SLEEP_SECONDS, self._woken)
        finally:
            await self._unknown.close()

    async def _process(self, guild_id: int, callback: CallbackBody) -> None:
        try:
            self.counts[await self._used(guild_id, callback)] += 1
            self._reading.worked()
        except StorageUnavailable as error:
            self._failures += 1
            if not self._queue.add(guild_id, callback):
                self.dropped()
            await self._clock.sleep(self._reading.failed(error))
        except Exception as error:
            # Broad, so that one callback's failure, such as a bug or a statement that the database refuses, delays no
            # other.
            self._failures += 1
            log_failure(log, error, "a callback of server %d could not be acted on", guild_id)

    async def _used(self, guild_id: int, callback: CallbackBody) -> CallbackUse:
        account_id = self._accounts.own(guild_id)
        if account_id is None:
            return CallbackUse.UNKNOWN
        row = await jobs.by_jobid(self._database.reader, account_id, callback.jobid)
        if row is None or not await self._is_watched(row):
            considered = await self._unknown.consider(guild_id, account_id, callback)
            return CallbackUse.FOLLOWED if considered else CallbackUse.UNKNOWN
        if not callback.reports_end:
            return CallbackUse.PROGRESS
        if row.ended_at is not None:
            return CallbackUse.ENDED
        if self._ownership.owns_account(account_id):
            self._changes.end_reported(row.id)
        else:
            async with self._database.transaction(locks_rows=True) as tx:
                await committed_changes.report_end(tx, row.id)
        return CallbackUse.ASKED

    async def _is_watched(self, row: JobRow) -> bool:
        """Whether the job has ended or is polled. A job that everybody has stopped watching counts as unknown."""
        if row.ended_at is not None:
            return True
        waiting = await subscriptions.open_of_job(self._database.reader, row.id)
        return any(self._accounts.in_force(one.guild_id) == row.account_id for one in waiting)

    async def _note_servers(self) -> None:
        """Stores when the last callback to each server came, at most once a minute for each server."""
        if not self._to_note:
            return
        came_at, self._to_note = self._to_note, {}
        try:
            async with self._database.transaction(locks_rows=True) as tx:
                for guild_id, at in came_at.items():
                    await servers.set_callback_heard(tx, guild_id, at)
        except Exception as error:
            # Broad, so that the loop goes on: the time is stored with a callback a minute later.
            self._failures += 1
            log_failure(log, error, "it could not be written down that callbacks came")
