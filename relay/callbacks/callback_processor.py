"""What follows from a callback: it is a hint and never a fact, so that nothing is told that the API has not told."""

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
from relay.failures import log_failure
from relay.polling.job_fetcher import Accounts
from relay.ports import Clock
from storage import jobs, servers
from storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_SLEEP_SECONDS = 30.0
_HEARD_AGAIN_MS = 60_000


class CallbackUse(StrEnum):
    """What became of a callback."""

    ASKED = "asked"
    """It claims the end of an open job: the API is asked."""
    PROGRESS = "progress"
    ENDED = "ended"
    """It is about a job that is known to have ended."""
    FOLLOWED = "followed"
    """It is about a job that was not known, of an account that is followed."""
    UNKNOWN = "unknown"
    """It is about a job that nobody waits for."""
    UNREADABLE = "unreadable"
    TOO_MANY = "too many"
    """More came than are taken."""


MAX_WAITING = 2000
"""Jobs of all servers that may wait at once."""
MAX_OF_A_SERVER = 100
"""Jobs of one server; a useapi.net account has at most ten in work for each of its channels."""


class FairQueue:
    """Callbacks that wait to be followed. Servers take turns, so that a flood to one address holds up no other.

    Several callbacks about one job wait as one, which reports an end if any of them does.
    """

    def __init__(self, max_waiting: int = MAX_WAITING, max_of_a_server: int = MAX_OF_A_SERVER) -> None:
        self._max_waiting = max_waiting
        self._max_of_a_server = max_of_a_server
        self._waiting: dict[int, dict[str, bool]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, guild_id: int, hint: CallbackBody) -> bool:
        """Puts a server's hint at the end of its line; False where there is no room for it."""
        jobs = self._waiting.get(guild_id, {})
        if hint.jobid not in jobs:
            if self._length >= self._max_waiting or len(jobs) >= self._max_of_a_server:
                return False
            self._length += 1
        jobs[hint.jobid] = jobs.get(hint.jobid, False) or hint.claims_end
        self._waiting.setdefault(guild_id, jobs)
        return True

    def take(self) -> tuple[int, CallbackBody] | None:
        """The next server's oldest hint, with the server; None where nothing waits."""
        guild_id = next(iter(self._waiting), None)
        if guild_id is None:
            return None
        jobs = self._waiting.pop(guild_id)
        jobid = next(iter(jobs))
        claims_end = jobs.pop(jobid)
        self._length -= 1
        if jobs:
            self._waiting[guild_id] = jobs  # Last in turn now.
        return guild_id, CallbackBody(jobid, claims_end)


class CallbackProcessor:
    """Takes callbacks at once and follows them afterwards, one by one.

    A hint concerns the jobs of the account that the server has set for itself, and no other.
    """

    def __init__(
        self,
        database: Database,
        accounts: Accounts,
        unknown: UnknownJobs,
        changes: Changes,
        clock: Clock,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._unknown = unknown
        self._changes = changes
        self._clock = clock
        self._line = FairQueue()
        self._heard: dict[int, int] = {}
        self._to_write: set[int] = set()
        self._woken = asyncio.Event()
        self.heartbeat = clock.monotonic()
        """When the loop last turned, monotonic seconds; it turns at least every 30 s."""
        self.failures = 0
        """How often something went wrong that was no fault of the callback."""
        self.uses: Counter[CallbackUse] = Counter()
        """How many callbacks were used in which way since the start."""

    def count(self, use: CallbackUse) -> None:
        """A callback was used in this way."""
        self.uses[use] += 1

    def heard(self, guild_id: int, body: bytes) -> None:
        """A callback came to the server's address. Returns at once, whatever the body holds."""
        self._note_heard(guild_id)
        try:
            hint = read_callback(body)
        except PixVerseError as error:
            self.count(CallbackUse.UNREADABLE)
            log.debug("A callback of server %d is of no use: %s", guild_id, error)
            return
        if not self._line.add(guild_id, hint):
            self.count(CallbackUse.TOO_MANY)
        self._woken.set()

    async def run(self) -> None:
        """Follows hints until it is cancelled. One that fails is logged and counted; the poller sees the end anyway."""
        try:
            while True:
                self.heartbeat = self._clock.monotonic()
                await self._write_heard()
                await self._follow_all()
                await sleep_unless_woken(self._clock, _LONGEST_SLEEP_SECONDS, self._woken)
        finally:
            await self._unknown.close()

    async def _follow_all(self) -> None:
        while (waiting := self._line.take()) is not None:
            self.heartbeat = self._clock.monotonic()
            try:
                self.count(await self._follow(*waiting))
            except Exception as error:
                # The edge of one hint: a fault of ours or of the disk holds up no other.
                self.failures += 1
                log_failure(log, error, "A callback of server %d could not be followed", waiting[0])

    async def _follow(self, guild_id: int, hint: CallbackBody) -> CallbackUse:
        account_id = self._accounts.own(guild_id)
        if account_id is None or self._accounts.in_force(guild_id) != account_id:
            return CallbackUse.UNKNOWN
        row = await jobs.by_jobid(self._database.reader, account_id, hint.jobid)
        if row is None:
            taken = await self._unknown.consider(guild_id, account_id, hint)
            return CallbackUse.FOLLOWED if taken else CallbackUse.UNKNOWN
        if not hint.claims_end:
            return CallbackUse.PROGRESS
        if row.ended_at is not None:
            return CallbackUse.ENDED
        self._changes.end_reported(row.id)
        return CallbackUse.ASKED

    # ---- when a server was last heard of ----------------------------------------------------------------------------

    def _note_heard(self, guild_id: int) -> None:
        now = self._clock.now()
        if abs(now - self._heard.get(guild_id, -_HEARD_AGAIN_MS)) >= _HEARD_AGAIN_MS:
            self._heard[guild_id] = now
            self._to_write.add(guild_id)
            self._woken.set()

    async def _write_heard(self) -> None:
        if not self._to_write:
            return
        guild_ids, self._to_write = self._to_write, set()
        try:
            async with self._database.transaction() as tx:
                for guild_id in guild_ids:
                    await servers.set_callback_heard(tx, guild_id, self._heard[guild_id])
        except Exception as error:
            # The loop's edge: it is written with the next callback.
            self.failures += 1
            log_failure(log, error, "It could not be written down that callbacks came")
            for guild_id in guild_ids:
                self._heard.pop(guild_id, None)
