"""Reads what other processes have changed, and calls the signals that this process calls for its own changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from relay.changes import Changes
from storage import committed_changes
from storage.database import Database, Transaction

UNREAD_SECONDS = 30.0
"""Seconds after which a process that could not read the changes reads everything again: the changes that it has missed
may be deleted soon."""
_T = TypeVar("_T")


class KeptInMemory(ABC):
    """A part of the relay that keeps rows in memory."""

    _writes = 0
    """How often this process has updated its memory after a commit of its own."""

    @abstractmethod
    async def read_all(self) -> None:
        """Reads all its rows. Raises StorageError."""

    @abstractmethod
    async def read_again(self, account_ids: Collection[int], guild_ids: Collection[int]) -> None:
        """Reads the rows of these accounts and servers again. Raises StorageError."""

    async def _undisturbed(self, read: Callable[[], Awaitable[_T]]) -> _T:
        """What `read` returns. It reads again if this process has stored something meanwhile, which the first result
        may lack."""
        while True:
            writes = self._writes
            rows = await read()
            if writes == self._writes:
                return rows


class ChangeFeed:
    """Reads what other processes have committed. Before it calls any signal, `memories` read their rows again.
    `monotonic` returns seconds."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        memories: Collection[KeptInMemory],
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = database.reader
        self._writer_id = database.writer_id
        self._for_each: dict[str, Callable[[int], None]] = {
            "job": changes.job_watched,
            "end_reported": changes.end_reported,
            "subscription": changes.subscription_changed,
            "account": changes.account_changed,
        }
        self._once: dict[str, Callable[[], None]] = {
            "follow": changes.follows_changed,
            "delivery": changes.deliveries_added,
        }
        self._jobs_found = changes.jobs_found
        self._missed = changes.commit_doubted
        self._memories = memories
        self._monotonic = monotonic
        self._read_at = monotonic()
        self._visible: str | None = None
        """What was visible when changes were last deleted."""
        self._horizon = 0
        self._seen: set[int] = set()

    async def begin(self) -> None:
        """Begins to follow changes, after a start or an interruption: `memories` read all their rows.

        Raises StorageError.
        """
        asked_at = self._monotonic()
        self._horizon, self._seen, self._visible = await committed_changes.horizon(self._reader), set(), None
        for memory in self._memories:
            await memory.read_all()
        self._read_at = asked_at

    async def look(self) -> None:
        """Calls the signals for the changes since the last look. Raises StorageError; the next look then catches up, by
        reading everything again if the last one was too long ago."""
        asked_at = self._monotonic()
        if asked_at - self._read_at > UNREAD_SECONDS:
            await self.begin()
            self._missed()
            return
        look = await committed_changes.since(self._reader, self._horizon, but_of=self._writer_id)
        new: dict[str, set[int]] = {}
        for change in look.changes:
            if change.id not in self._seen:
                new.setdefault(change.kind, set()).add(change.item)
        accounts, servers = new.get("account", set()), new.get("server", set())
        if accounts or servers:
            for memory in self._memories:
                await memory.read_again(accounts, servers)
        self._horizon, self._seen = look.horizon, {change.id for change in look.changes}
        self._read_at = asked_at
        for kind, items in sorted(new.items()):
            self._signal(kind, items)

    async def delete_old(self, tx: Transaction) -> None:
        """Deletes the changes that were visible at the last call, which must be long enough ago that every process has
        read them since. The first call deletes nothing. Raises StorageError."""
        visible, before = await committed_changes.snapshot(tx), self._visible
        if before is not None:
            await committed_changes.delete_visible(tx, before)
        self._visible = visible

    def _signal(self, kind: str, items: Collection[int]) -> None:
        """Calls the signals of a kind of change. `server` has no signal, because the memories have already read it.
        Kinds that this version does not know are ignored."""
        for item in items if kind in self._for_each else ():
            self._for_each[kind](item)
        if kind in self._once:
            self._once[kind]()
        if kind == "job":
            # It is not known here whether a new job has already been requested from the API.
            self._jobs_found(items)
