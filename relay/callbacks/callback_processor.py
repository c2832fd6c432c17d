"""What follows from a callback: it is a hint and never a fact, so that nothing is told that the API has not told."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from pixverse.api_errors import PixVerseError
from pixverse.callback_body import CallbackBody, read_callback
from relay.callbacks.fair_queue import FairQueue
from relay.callbacks.unknown_jobs import UnknownJobs
from relay.clock import sleep_unless_woken
from relay.failures import log_failure
from relay.ports import CallbackMeter, CallbackUse, Claims, Clock
from storage import jobs, servers
from storage.database import Database

log = logging.getLogger(__name__)

_LONGEST_SLEEP_SECONDS = 30.0
_HEARD_AGAIN_MS = 60_000


class OwnAccounts(Protocol):
    """The accounts, as callbacks need them."""

    def own(self, guild_id: int) -> int | None:
        """The account that a server has set for itself."""

    def in_force(self, guild_id: int) -> int | None:
        """The account that a server uses; None where it rests."""


class CallbackProcessor:
    """Takes callbacks at once and follows them afterwards, one by one.

    A hint concerns the jobs of the account that the server has set for itself, and no other.
    """

    def __init__(
        self,
        database: Database,
        accounts: OwnAccounts,
        poller: Claims,
        unknown: UnknownJobs,
        meter: CallbackMeter,
        clock: Clock,
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._poller = poller
        self._unknown = unknown
        self._meter = meter
        self._clock = clock
        self._line = FairQueue()
        self._heard: dict[int, int] = {}
        self._to_write: set[int] = set()
        self._woken = asyncio.Event()
        self.heartbeat = clock.monotonic()
        """When the loop last turned, monotonic seconds; it turns at least every 30 s."""
        self.failures = 0
        """How often something went wrong that was no fault of the callback."""

    def heard(self, guild_id: int, body: bytes) -> None:
        """A callback came to the server's address. Returns at once, whatever the body holds."""
        self._note_heard(guild_id)
        try:
            hint = read_callback(body)
        except PixVerseError as error:
            self._meter.callback(CallbackUse.UNREADABLE)
            log.debug("A callback of server %d is of no use: %s", guild_id, error)
            return
        if not self._line.add(guild_id, hint):
            self._meter.callback(CallbackUse.TOO_MANY)
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
                self._meter.callback(await self._follow(*waiting))
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
        self._poller.end_reported(row.id)
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
