"""Each server's own address for useapi.net's callbacks. The secret at its end is the only authentication."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from relay.cluster.change_feed import KeptInMemory
from storage import servers
from storage.database import Database, Transaction
from storage.errors import WrongKey
from storage.run_to_completion import run_to_completion
from storage.secret_store import SecretStore

log = logging.getLogger(__name__)

_SECRET_BYTES = 32
_NUMBER_BYTES = 7


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """A server's callback address."""

    secret: str
    number: int
    """Distinguishes this address from earlier and later ones. Has at most 17 digits, and reveals nothing about the
    secret."""

    def __repr__(self) -> str:
        return f"CallbackAddress(number={self.number})"


class CallbackAddresses(KeptInMemory):
    """The callback addresses of all servers. They are kept in memory, so strangers' requests don't reach the database.

    `token_urlsafe` returns the given number of random bytes as characters that are allowed in a path. Every call raises
    StorageError if the database fails; nothing is changed then.
    """

    def __init__(self, database: Database, secret_store: SecretStore, token_urlsafe: Callable[[int], str]) -> None:
        self._database = database
        self._secret_store = secret_store
        self._token_urlsafe = token_urlsafe
        self._servers: dict[bytes, int] = {}

    async def read_all(self) -> None:
        """Reads all addresses."""
        self._servers = await self._undisturbed(lambda: servers.callback_hashes(self._database.reader))

    async def read_again(
        self,
        account_ids: Collection[int],  # noqa: ARG002  # addresses belong to servers
        guild_ids: Collection[int],
    ) -> None:
        """Reads these servers' addresses again after other processes have changed them."""

        async def read() -> dict[int, bytes | None]:
            return {guild_id: await servers.callback_hash(self._database.reader, guild_id) for guild_id in guild_ids}

        digests = await self._undisturbed(read)
        kept = {digest: server for digest, server in self._servers.items() if server not in guild_ids}
        self._servers = kept | {digest: server for server, digest in digests.items() if digest is not None}

    def server_of(self, secret: str) -> int | None:
        """The server whose address contains this secret; None if there is no such address any more."""
        return self._servers.get(_digest(secret))

    async def of_server(self, guild_id: int) -> CallbackAddress:
        """The server's address. It is created if the server has none."""
        return await run_to_completion(self._keep(guild_id, replaced=None))

    async def replace(self, guild_id: int, number: int) -> CallbackAddress:
        """Replaces the address with this number, which becomes invalid, and returns the new one. If the server has
        another address by now, that one stays and is returned."""
        return await run_to_completion(self._keep(guild_id, replaced=number))

    def forget(self, guild_id: int) -> None:
        """Drops the server's address. To be called after the server's deletion is committed."""
        self._servers = {digest: server for digest, server in self._servers.items() if server != guild_id}
        self._writes += 1

    async def _keep(self, guild_id: int, *, replaced: int | None) -> CallbackAddress:
        async with self._database.transaction() as tx:
            present = await self._present(tx, guild_id)
            if present is not None and present.number != replaced:
                return present
            secret = self._token_urlsafe(_SECRET_BYTES)
            await servers.put_callback_secret(tx, guild_id, self._secret_store.encrypt(secret), _digest(secret))
        self.forget(guild_id)
        self._servers[_digest(secret)] = guild_id
        await self._database.flush()
        return _address(secret)

    async def _present(self, tx: Transaction, guild_id: int) -> CallbackAddress | None:
        kept = await servers.callback_secret(tx, guild_id)
        if kept is None:
            return None
        try:
            return _address(self._secret_store.decrypt(kept))
        except WrongKey:
            log.warning("server %d: its address for callbacks cannot be decrypted and is replaced", guild_id)
            return None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _address(secret: str) -> CallbackAddress:
    return CallbackAddress(secret, int.from_bytes(_digest(secret)[:_NUMBER_BYTES]))
