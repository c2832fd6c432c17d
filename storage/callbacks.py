"""Each server's address for useapi.net's callbacks: the secret in it, encrypted, and the hash that it is found by."""

from __future__ import annotations

from storage.database import Queries, Transaction


async def secret_of(queries: Queries, guild_id: int) -> bytes | None:
    """The server's secret as it is kept, encrypted; None where it has no address yet."""
    row = await queries.one(
        "SELECT callback_secret FROM servers WHERE guild_id = ? AND callback_secret IS NOT NULL", (guild_id,)
    )
    return None if row is None else bytes(row["callback_secret"])


async def hashes(queries: Queries) -> dict[bytes, int]:
    """The server of each address, by the SHA-256 of the secret in it."""
    rows = await queries.all("SELECT callback_hash, guild_id FROM servers WHERE callback_hash IS NOT NULL")
    return {bytes(row["callback_hash"]): row["guild_id"] for row in rows}


async def put_secret(tx: Transaction, guild_id: int, secret: bytes, digest: bytes) -> None:
    """Gives the server an address, `secret` encrypted and `digest` its SHA-256; one that it had is void from now on."""
    await tx.run(
        "INSERT INTO servers (guild_id, callback_secret, callback_hash) VALUES (?, ?, ?) ON CONFLICT (guild_id)"
        " DO UPDATE SET callback_secret = excluded.callback_secret, callback_hash = excluded.callback_hash,"
        " callback_heard_at = NULL",
        (guild_id, secret, digest),
    )


async def heard_at(queries: Queries, guild_id: int) -> int | None:
    """When a callback last came to the server's address, to within a minute, milliseconds UTC; None for never."""
    row = await queries.one("SELECT callback_heard_at FROM servers WHERE guild_id = ?", (guild_id,))
    return None if row is None else row["callback_heard_at"]


async def set_heard(tx: Transaction, guild_id: int, now: int) -> None:
    """A callback came to the server's address."""
    await tx.run(
        "UPDATE servers SET callback_heard_at = ? WHERE guild_id = ? AND callback_hash IS NOT NULL", (now, guild_id)
    )
