"""Tracks whether the database takes writes. A full disk or another program's lock pauses the bot, and cards say so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from relay.changes import Changes
from relay.cluster.change_feed import KeptInMemory
from relay.ports import Clock
from storage.database import Database
from storage.errors import StorageError

log = logging.getLogger(__name__)

_PAUSED_AFTER_SECONDS = 30.0
"""How long writes must fail before cards show it: a short failure is not worth editing every card twice."""
_PROBE_SECONDS = 15.0
_TOOK_SECONDS, _FAILED_SECONDS = 30.0, 2.0
"""How long the result of a trial write is reused, after a success and after a failure."""


class WriteAvailability:
    """Makes a trial write when a caller asks, and after a refused write until one succeeds.

    Callers wait no longer than `patience` seconds; a write that takes longer counts as refused. `memories` read their
    rows again after a commit with an unknown result.
    """

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Clock,
        memories: Collection[KeptInMemory] = (),
        *,
        patience: float = 3.0,
    ) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._memories = memories
        self._patience = patience
        self.paused = False
        """Whether no write has succeeded for half a minute. Cards are edited when this changes."""
        self._resumed_at = 0
        """When the latest pause ended, in milliseconds UTC; 0 if there was none."""
        self._tried_at = float("-inf")
        self._took: bool | None = None
        """Whether the latest trial succeeded."""
        self._trial: asyncio.Task[None] | None = None

    async def takes_writes(self) -> bool:
        """Whether the latest trial write succeeded; makes a new one if that was too long ago."""
        lasts = _TOOK_SECONDS if self._took else _FAILED_SECONDS
        if self._trial is None and self._clock.monotonic() - self._tried_at < lasts:
            return self._took is True
        done, _ = await asyncio.wait({self._begin_trial()}, timeout=self._patience)
        return bool(done) and self._took is True

    def not_paused_since(self) -> int:
        """Since when this process can store what it sees, in milliseconds UTC: now during a pause, because a write may
        succeed before the pause is known to be over; 0 if there was no pause."""
        return self._clock.now() if self.paused else self._resumed_at

    async def run(self) -> None:
        """Waits for a refused write, then for the next successful one; repeats until it is cancelled."""
        while True:
            self._database.refused.clear()
            await self._database.refused.wait()
            await self.until_over()
            if self._database.in_doubt:
                await self._read_all_again()
                self._changes.commit_doubted()

    async def until_over(self) -> None:
        """Returns once the database takes writes again after a refused write."""
        await self._clock.sleep(_PAUSED_AFTER_SECONDS)
        if await self._takes_one_now():
            return
        self._set(paused=True)
        while not await self._takes_one_now():
            await self._clock.sleep(_PROBE_SECONDS)
        self._set(paused=False)

    async def _read_all_again(self) -> None:
        while self._database.in_doubt:
            self._database.in_doubt = False
            try:
                for memory in self._memories:
                    await memory.read_all()
            except StorageError as error:
                self._database.in_doubt = True
                log.error("what a doubtful commit has changed can't be read now: %s", error)
                await self._clock.sleep(_PROBE_SECONDS)

    async def close(self) -> None:
        """Cancels the trial that is in progress."""
        if self._trial is not None:
            self._trial.cancel()
            await asyncio.wait({self._trial})

    def _set(self, *, paused: bool) -> None:
        if paused:
            seconds = _PAUSED_AFTER_SECONDS
            log.error("the database has taken no write for %.0f s; cards say that the bot is paused", seconds)
        else:
            log.warning("the database takes writes again")
            self._resumed_at = self._clock.now()
        self.paused = paused
        self._changes.writes_changed()

    async def _takes_one_now(self) -> bool:
        await asyncio.wait({self._begin_trial()})
        return self._took is True

    def _begin_trial(self) -> asyncio.Task[None]:
        """The trial that is in progress, or a new one."""
        if self._trial is None:
            self._trial = asyncio.create_task(self._try(), name="trial write")
        return self._trial

    async def _try(self) -> None:
        try:
            await self._database.probe_write(self._clock.now())
            self._took = True
        except (StorageError, OSError) as error:
            if self._took is not False:
                log.error("the database takes no write: %s: %s", type(error).__name__, error)
            self._took = False
        finally:
            self._tried_at = self._clock.monotonic()
            self._trial = None
