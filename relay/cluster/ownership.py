"""Tells which work belongs to this process if several share a database, and counts how often that changes."""

from __future__ import annotations

from typing import Protocol

from model.discord_ids import Shards
from relay.changes import Changes


class Ownership(Protocol):
    """What this process holds. Look-ups cost nothing, but may be slightly out of date; where it matters, the database
    decides."""

    @property
    def process_id(self) -> str | None:
        """The id of this process in the database; None if it is the only process."""

    @property
    def has_lease(self) -> bool:
        """Whether this process's lease is still valid. If not, others may hold what it held."""

    @property
    def server(self) -> str | None:
        """The last noted run of the database's server; None if there is no server. While the database is on a run that
        is not noted yet, nothing is sent."""

    @property
    def search_first_until(self) -> int:
        """Deliveries created before this time (milliseconds UTC) are looked for in the history before they are sent,
        because a failover may have lost the record that they were posted."""

    def owns_account(self, account_id: int) -> bool:
        """Whether this process polls the account's jobs and requests its lists."""

    def shards(self) -> Shards | None:
        """The shards in whose servers this process posts; None if it posts in all servers."""

    def owns_server(self, guild_id: int) -> bool:
        """Whether this process posts in the server."""

    async def take_named_lease(self, name: str) -> bool:
        """Takes the lease of this name unless another process has it; returns whether this process has it now.

        A named lease stands for work that only one process does at a time. Raises StorageError.
        """

    async def release_named_lease(self, name: str) -> None:
        """Releases the lease of this name for other processes. Raises StorageError."""


class Alone:
    """The Ownership of a single process, which owns everything."""

    process_id: str | None = None
    has_lease = True
    server: str | None = None
    search_first_until = 0

    def owns_account(self, account_id: int) -> bool:  # noqa: ARG002
        return True

    def shards(self) -> None:
        return None

    def owns_server(self, guild_id: int) -> bool:  # noqa: ARG002
        return True

    async def take_named_lease(self, name: str) -> bool:  # noqa: ARG002
        return True

    async def release_named_lease(self, name: str) -> None:  # noqa: ARG002
        return


ALONE = Alone()


class LeaseMoves:
    """Counts the shards and accounts that this process takes and loses. The counts stop growing once no more processes
    join or leave."""

    def __init__(self, ownership: Ownership, changes: Changes) -> None:
        self._ownership = ownership
        self._shards: frozenset[int] = frozenset()
        self._counts = {"shards": 0, "accounts": 0}
        changes.servers_moved.listen(self._servers_moved)
        changes.account_moved.listen(self._account_moved)

    def counts(self) -> dict[str, int]:
        """How many `shards` and how many `accounts` have changed hands."""
        return dict(self._counts)

    def _servers_moved(self) -> None:
        shards = self._ownership.shards()
        before, self._shards = self._shards, frozenset(() if shards is None else shards.held)
        self._counts["shards"] += len(before ^ self._shards)

    def _account_moved(self, _account_id: int) -> None:
        self._counts["accounts"] += 1
