"""Discord servers: which account each uses, who set it, where notices to its admins go, its address for callbacks, and
whether it still has the bot; and the Discord application that is the bot in all of them."""

from __future__ import annotations

from dataclasses import dataclass

from model.discord_ids import Shards
from model.states import DeliveryKind
from settings import DatabasePlace
from storage.database import Queries, Transaction, columns, get_meta, put_meta
from storage.deliveries import IS_OPEN
from storage.engines.interface import Dialect, SqlValue
from storage.errors import DatabaseForeign

_APPLICATION = "application"


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A server as it is stored; times in milliseconds UTC."""

    account_id: int | None
    """None: the operator's account, if there is one."""
    token_set_by: int | None
    alerts_channel: int | None
    upload_limit: int | None
    """Bytes, learned from a 413."""
    upload_limit_at: int | None
    """When the limit was learned."""
    gone_since: int | None
    """Since when the bot is removed from it; None: the bot is in it."""
    language: str | None
    """The language of what is posted there, as its admins chose; None: that of its locale in Discord."""
    locale: str | None
    """The language for its locale in Discord; None: the locale was never seen."""


async def get(queries: Queries, guild_id: int) -> ServerRow | None:
    """The server; None if nothing is stored about it."""
    sql = f"SELECT {columns(ServerRow)} FROM servers WHERE guild_id = ?"
    return await queries.one_as(ServerRow, sql, (guild_id,))


def in_shards(dialect: Dialect, shards: Shards | None, column: str = "guild_id") -> tuple[str, tuple[SqlValue, ...]]:
    """A condition and its parameters: the server in this column belongs to one of the shards (None: any server).

    It computes what `model.discord_ids.shard_of` does.
    """
    if shards is None:
        return "TRUE", ()
    return dialect.among(f"({column} >> 22) % {shards.count}"), (dialect.list_of(shards.held),)


# ---- the bot in them ------------------------------------------------------------------------------------------------


async def check_application(queries: Queries, place: DatabasePlace, application_id: int) -> None:
    """Raises DatabaseForeign if the database is used with another Discord application. That bot is in other servers, so
    it would suspend those that are stored."""
    stored = await get_meta(queries, _APPLICATION)
    if stored is not None and int(stored) != application_id:
        raise DatabaseForeign(
            f"The database {place} is used with the Discord application {int(stored)}, and DISCORD_TOKEN is the token "
            f"of {application_id}. Change DISCORD_TOKEN or DATABASE_URL. To let the new application take over, invite "
            f"its bot to the servers, then run on the database: DELETE FROM meta WHERE name = '{_APPLICATION}'"
        )


async def set_application(tx: Transaction, application_id: int) -> None:
    """Stores the Discord application with which the database is used."""
    await put_meta(tx, _APPLICATION, str(application_id).encode())


# ---- its account ----------------------------------------------------------------------------------------------------


async def with_own_account(queries: Queries) -> dict[int, int]:
    """The own account of each server that has set one."""
    rows = await queries.all("SELECT guild_id, account_id FROM servers WHERE account_id IS NOT NULL")
    return {row["guild_id"]: row["account_id"] for row in rows}


async def using(queries: Queries, account_id: int) -> list[int]:
    """The servers whose own account this is."""
    return await queries.values("SELECT guild_id FROM servers WHERE account_id = ? ORDER BY guild_id", (account_id,))


async def notified_without_own_account(queries: Queries) -> list[int]:
    """The servers without an account of their own that ever got a notice."""
    return await queries.values(
        f"""
        SELECT DISTINCT guild_id FROM deliveries WHERE kind = '{DeliveryKind.NOTICE}'
        AND guild_id NOT IN (SELECT guild_id FROM servers WHERE account_id IS NOT NULL) ORDER BY guild_id
        """
    )


async def set_account(tx: Transaction, guild_id: int, account_id: int, user_id: int) -> None:
    """Stores the server's own account, whose token this user has set."""
    await _put(tx, guild_id, account_id=account_id, token_set_by=user_id)


async def clear_account(tx: Transaction, guild_id: int) -> None:
    """Removes the server's own account: it uses the operator's from now on, if there is one."""
    await tx.run("UPDATE servers SET account_id = NULL, token_set_by = NULL WHERE guild_id = ?", (guild_id,))


async def note_account_changed(tx: Transaction, guild_id: int, now: int) -> None:
    """Stores when the server began to use another account than before."""
    await tx.run("UPDATE servers SET account_since = ? WHERE guild_id = ?", (now, guild_id))


# ---- its settings, and what Discord says about it -------------------------------------------------------------------


async def set_alerts_channel(tx: Transaction, guild_id: int, channel_id: int | None) -> None:
    """Stores where notices to the server's admins go; None: to the channel that each is about."""
    await _put(tx, guild_id, alerts_channel=channel_id)


async def forget_alerts_channel(tx: Transaction, guild_id: int, channel_id: int) -> None:
    """Removes the alerts channel if it is this one: notices go to the channel concerned from now on."""
    await tx.run(
        "UPDATE servers SET alerts_channel = NULL WHERE guild_id = ? AND alerts_channel = ?", (guild_id, channel_id)
    )


async def set_language(tx: Transaction, guild_id: int, language: str | None) -> None:
    """Stores the language of what is posted in the server from now on; None: that of its locale in Discord."""
    await _put(tx, guild_id, language=language)


async def set_locale(tx: Transaction, guild_id: int, language: str) -> None:
    """Stores the language for the server's locale in Discord."""
    await _put(tx, guild_id, locale=language)


async def set_upload_limit(tx: Transaction, guild_id: int, limit: int, now: int) -> None:
    """Stores the size in bytes of the largest file that Discord accepts there, which was learned just now."""
    await _put(tx, guild_id, upload_limit=limit, upload_limit_at=now)


async def forget_upload_limit(tx: Transaction, guild_id: int) -> None:
    """Forgets the size of the largest file that Discord accepts there."""
    await tx.run("UPDATE servers SET upload_limit = NULL, upload_limit_at = NULL WHERE guild_id = ?", (guild_id,))


# ---- its address for useapi.net's callbacks -------------------------------------------------------------------------


async def callback_secret(queries: Queries, guild_id: int) -> bytes | None:
    """The secret in the server's address, encrypted; None if it has no address yet."""
    return await queries.value("SELECT callback_secret FROM servers WHERE guild_id = ?", (guild_id,))


async def callback_hashes(queries: Queries) -> dict[bytes, int]:
    """The server of each address, by the SHA-256 of the secret in it."""
    rows = await queries.all("SELECT callback_hash, guild_id FROM servers WHERE callback_hash IS NOT NULL")
    return {row["callback_hash"]: row["guild_id"] for row in rows}


async def callback_hash(queries: Queries, guild_id: int) -> bytes | None:
    """The SHA-256 of the secret in the server's address; None if it has no address."""
    return await queries.value("SELECT callback_hash FROM servers WHERE guild_id = ?", (guild_id,))


async def put_callback_secret(tx: Transaction, guild_id: int, secret: bytes, digest: bytes) -> None:
    """Stores the encrypted secret of the server's address, and its SHA-256. An earlier address is void from now on."""
    await _put(tx, guild_id, callback_secret=secret, callback_hash=digest, callback_heard_at=None)


async def callback_heard_at(queries: Queries, guild_id: int) -> int | None:
    """When a callback last came to the server's address, milliseconds UTC, to within a minute; None: never."""
    return await queries.value("SELECT callback_heard_at FROM servers WHERE guild_id = ?", (guild_id,))


async def set_callback_heard(tx: Transaction, guild_id: int, now: int) -> None:
    """Stores that a callback came to the server's address."""
    await tx.run("UPDATE servers SET callback_heard_at = ? WHERE guild_id = ?", (now, guild_id))


# ---- whether it has the bot -----------------------------------------------------------------------------------------


async def set_gone(tx: Transaction, guild_id: int, now: int) -> None:
    """Stores that the bot was removed from the server; the first time counts."""
    await tx.run(
        """
        INSERT INTO servers (guild_id, gone_since) VALUES (?, ?)
        ON CONFLICT (guild_id) DO UPDATE SET gone_since = coalesce(servers.gone_since, excluded.gone_since)
        """,
        (guild_id, now),
    )


async def correct_gone(tx: Transaction, guild_id: int, since: int) -> None:
    """Corrects the time at which a server removed the bot: the clock was wrong when that was stored."""
    await tx.run("UPDATE servers SET gone_since = ? WHERE guild_id = ? AND gone_since IS NOT NULL", (since, guild_id))


async def set_back(tx: Transaction, guild_id: int, now: int) -> None:
    """Stores that the bot is in the server again, if the server had removed it."""
    await tx.run(
        "UPDATE servers SET gone_since = NULL, back_at = ? WHERE guild_id = ? AND gone_since IS NOT NULL",
        (now, guild_id),
    )


async def gone(queries: Queries) -> set[int]:
    """The servers that have removed the bot."""
    return set(await queries.values("SELECT guild_id FROM servers WHERE gone_since IS NOT NULL"))


async def gone_before(queries: Queries, time: int) -> list[int]:
    """The servers that removed the bot at this time (milliseconds UTC) or earlier."""
    return await queries.values("SELECT guild_id FROM servers WHERE gone_since <= ? ORDER BY gone_since", (time,))


async def known(queries: Queries) -> set[int]:
    """Every server about which anything is stored."""
    tables = ("servers", "subscriptions", "deliveries", "follows")
    return set(await queries.values(" UNION ".join(f"SELECT guild_id FROM {table}" for table in tables)))


async def known_channels(queries: Queries, guild_id: int) -> list[int]:
    """The server's channels and threads that wait for a job, have something to be posted, get the notices, or follow
    an account."""
    return await queries.values(
        f"""
        SELECT channel_id FROM subscriptions WHERE guild_id = ?1 AND ended_at IS NULL
        UNION SELECT channel_id FROM deliveries WHERE guild_id = ?1 AND {IS_OPEN}
        UNION SELECT channel_id FROM follows WHERE guild_id = ?1
        UNION SELECT alerts_channel FROM servers WHERE guild_id = ?1 AND alerts_channel IS NOT NULL
        """,
        (guild_id,),
    )


async def _put(tx: Transaction, guild_id: int, **values: SqlValue) -> None:
    await tx.run(
        f"""
        INSERT INTO servers (guild_id, {", ".join(values)}) VALUES (?{", ?" * len(values)})
        ON CONFLICT (guild_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in values)}
        """,
        (guild_id, *values.values()),
    )
