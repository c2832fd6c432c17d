"""Discord servers: which account each uses, who set it, where its admins are told."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries, Transaction

_COLUMNS = "guild_id, account_id, token_set_by, alerts_channel, upload_limit, upload_limit_at, gone_since"


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as it is kept; times in milliseconds UTC."""

    guild_id: int
    account_id: int | None
    """None: the operator's account, if there is one."""
    token_set_by: int | None
    alerts_channel: int | None
    upload_limit: int | None
    """Bytes, learned from a 413."""
    upload_limit_at: int | None
    """When it was learned."""
    gone_since: int | None


async def get(queries: Queries, guild_id: int) -> ServerRow | None:
    """The server, if anything is kept about it."""
    row = await queries.one(f"SELECT {_COLUMNS} FROM servers WHERE guild_id = ?", (guild_id,))
    return None if row is None else ServerRow(*row)


async def with_own_account(queries: Queries) -> dict[int, int]:
    """The account of each server that has set one of its own."""
    rows = await queries.all("SELECT guild_id, account_id FROM servers WHERE account_id IS NOT NULL")
    return {row["guild_id"]: row["account_id"] for row in rows}


async def using(queries: Queries, account_id: int) -> list[int]:
    """The servers that have set this account for themselves."""
    rows = await queries.all("SELECT guild_id FROM servers WHERE account_id = ? ORDER BY guild_id", (account_id,))
    return [row["guild_id"] for row in rows]


async def set_account(tx: Transaction, guild_id: int, account_id: int, user_id: int) -> None:
    """From now on the server uses this account, whose token this user has set."""
    await tx.run(
        "INSERT INTO servers (guild_id, account_id, token_set_by) VALUES (?, ?, ?) ON CONFLICT (guild_id)"
        " DO UPDATE SET account_id = excluded.account_id, token_set_by = excluded.token_set_by",
        (guild_id, account_id, user_id),
    )


async def clear_account(tx: Transaction, guild_id: int) -> None:
    """From now on the server uses the operator's account, if there is one."""
    await tx.run("UPDATE servers SET account_id = NULL, token_set_by = NULL WHERE guild_id = ?", (guild_id,))


async def set_alerts_channel(tx: Transaction, guild_id: int, channel_id: int | None) -> None:
    """Where the server's admins are told of troubles; None: in the channel concerned."""
    await tx.run(
        "INSERT INTO servers (guild_id, alerts_channel) VALUES (?, ?) ON CONFLICT (guild_id)"
        " DO UPDATE SET alerts_channel = excluded.alerts_channel",
        (guild_id, channel_id),
    )


async def forget_alerts_channel(tx: Transaction, guild_id: int, channel_id: int) -> None:
    """The server's admins are told in the channel concerned, where this one was their alerts channel."""
    await tx.run(
        "UPDATE servers SET alerts_channel = NULL WHERE guild_id = ? AND alerts_channel = ?", (guild_id, channel_id)
    )


async def set_upload_limit(tx: Transaction, guild_id: int, limit: int, now: int) -> None:
    """The largest file in bytes that Discord takes there, as learned just now."""
    await tx.run(
        "INSERT INTO servers (guild_id, upload_limit, upload_limit_at) VALUES (?, ?, ?) ON CONFLICT (guild_id)"
        " DO UPDATE SET upload_limit = excluded.upload_limit, upload_limit_at = excluded.upload_limit_at",
        (guild_id, limit, now),
    )


async def forget_upload_limit(tx: Transaction, guild_id: int) -> None:
    """The largest file that Discord takes there is not known any more."""
    await tx.run("UPDATE servers SET upload_limit = NULL, upload_limit_at = NULL WHERE guild_id = ?", (guild_id,))


async def set_gone(tx: Transaction, guild_id: int, now: int) -> None:
    """The bot was removed from the server."""
    await tx.run(
        "INSERT INTO servers (guild_id, gone_since) VALUES (?, ?) ON CONFLICT (guild_id)"
        " DO UPDATE SET gone_since = coalesce(servers.gone_since, excluded.gone_since)",
        (guild_id, now),
    )


async def set_back(tx: Transaction, guild_id: int) -> None:
    """The bot is in the server (again)."""
    await tx.run("UPDATE servers SET gone_since = NULL WHERE guild_id = ? AND gone_since IS NOT NULL", (guild_id,))
