"""Which work is this process's, where several work with one database, and how often that changes."""

from __future__ import annotations

from typing import Protocol

from model.shards import Shards
from relay.changes import Changes


class Ownership(Protocol):
    """What this process holds. Costs nothing to ask, and may be a moment old: what must be right is decided in the
    database."""

    @property
    def process_id(self) -> str | None:
        """The id of this process in the database; None where it is the only one."""

    @property
    def holds(self) -> bool:
        """Whether this process's lease still runs. Otherwise others may have what it held."""

    @property
    def server(self) -> str | None:
        """The run of the database's server whose possible losses are noted; None where there is no server. As long as
        the database is reached on another one, nothing is sent."""

    @property
    def looks_first_until(self) -> int:
        """What is put into the outbox before then (milliseconds UTC) is looked for in the history before it is sent: a
        failover may have lost that it was posted."""

    def owns_account(self, account_id: int) -> bool:
        """Whether this process polls the account's jobs and requests its lists."""

    def shards(self) -> Shards | None:
        """The shards in whose servers this process posts; None: it posts in all servers."""

    def owns_server(self, guild_id: int) -> bool:
        """Whether this process posts in the server."""

    async def take_named_lease(self, name: str) -> bool:
        """Takes the lease of this name unless another process has it; returns whether this process has it now.

        It stands for work that one of all processes does. Raises StorageError.
        """

    async def release_named_lease(self, name: str) -> None:
        """Lets another process take the lease of this name. Raises StorageError."""


class Alone:
    """The Ownership of the only process: everything is its own."""

    process_id: str | None = None
    holds = True
    server: str | None = None
    looks_first_until = 0

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
    """Counts the shards and accounts that this process takes and loses; once processes come and go no more, none."""

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
