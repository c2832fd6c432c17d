"""What is this process's to do, where several work with one database."""

from __future__ import annotations

from typing import Protocol

from model.shards import Shards


class Ownership(Protocol):
    """Costs nothing to ask. The answer may be a moment old: what must be right is decided in the database."""

    @property
    def process_id(self) -> str | None:
        """Names this process in the database; None where it is the only one."""

    @property
    def holds(self) -> bool:
        """Whether this process may still believe in what it holds."""

    @property
    def server(self) -> str | None:
        """The run of the database's server with which all processes work; None where there is no server. On another
        one nothing is sent before it is noted what that one may have lost."""

    @property
    def looks_first_until(self) -> int:
        """What is put into the outbox before then (milliseconds UTC) may have been posted by what a server has lost."""

    def owns_account(self, account_id: int) -> bool:
        """Whether this process polls the account's jobs and requests its lists."""

    def shards(self) -> Shards | None:
        """In which servers this process posts; None: in all."""

    def owns_server(self, guild_id: int) -> bool:
        """Whether this process posts in the server."""

    async def has_named(self, name: str) -> bool:
        """Whether this process is the one of all that does what the name stands for, and takes that where nobody is.
        Raises StorageError."""

    async def release_named(self, name: str) -> None:
        """Lets another process do what the name stands for. Raises StorageError."""


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

    async def has_named(self, name: str) -> bool:  # noqa: ARG002
        return True

    async def release_named(self, name: str) -> None:  # noqa: ARG002
        return


ALONE = Alone()
