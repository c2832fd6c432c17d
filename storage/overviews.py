"""What a channel or a person sees of the jobs that they wait for: reads over several tables."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries
from storage.deliveries import IS_OUTCOME


@dataclass(frozen=True, slots=True)
class OpenHere:
    """An open subscription of a channel, with its job."""

    job_id: int
    account_id: int
    snapshot: str | None
    message_id: int | None
    mine: bool
    created_at: int


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that may be offered to somebody."""

    job_id: int
    snapshot: str | None
    outcome: str | None
    watched_since: int


@dataclass(frozen=True, slots=True)
class OutcomeMessage:
    """An outcome in the outbox."""

    state: str
    message_id: int | None


@dataclass(frozen=True, slots=True)
class OutcomeAddress:
    """Whose outcome a message is."""

    job_id: int
    guild_id: int
    channel_id: int


_SHOWN_IN = (
    "coalesce("
    "(SELECT message_id FROM deliveries WHERE subscription_id = s.id AND kind = 'card'),"
    " (SELECT message_id FROM deliveries WHERE batch_id = s.batch_id AND kind = 'summary'))"
)


async def open_here(queries: Queries, guild_id: int, channel_id: int, user_id: int) -> list[OpenHere]:
    """The channel's open subscriptions, oldest first, each with its card's (or its batch's summary's) message."""
    rows = await queries.all(
        f"SELECT s.job_id, j.account_id, j.snapshot, {_SHOWN_IN} AS message_id,"
        " EXISTS (SELECT 1 FROM subscribers WHERE subscription_id = s.id AND user_id = ?) AS mine, s.created_at"
        " FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.channel_id = ? AND s.guild_id = ? AND s.ended_at IS NULL ORDER BY s.id",
        (user_id, channel_id, guild_id),
    )
    return [
        OpenHere(
            row["job_id"],
            row["account_id"],
            row["snapshot"],
            row["message_id"],
            bool(row["mine"]),
            row["created_at"],
        )
        for row in rows
    ]


async def known_jobs(queries: Queries, guild_id: int, channel_id: int, user_id: int, limit: int) -> list[KnownJob]:
    """The latest jobs that this person asked for in this server, and this channel's; newest first."""
    rows = await queries.all(
        "SELECT id, snapshot, outcome, watched_since FROM jobs WHERE id IN ("
        " SELECT job_id FROM (SELECT s.job_id FROM subscriptions s WHERE s.channel_id = ? AND s.guild_id = ?"
        "  ORDER BY s.id DESC LIMIT ?)"
        " UNION SELECT job_id FROM (SELECT s.job_id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id"
        "  WHERE p.user_id = ? AND s.guild_id = ? ORDER BY s.id DESC LIMIT ?)"
        ") ORDER BY id DESC LIMIT ?",
        (channel_id, guild_id, limit, user_id, guild_id, limit, limit),
    )
    return [KnownJob(row["id"], row["snapshot"], row["outcome"], row["watched_since"]) for row in rows]


async def watched_jobs(queries: Queries, guild_id: int, channel_id: int, limit: int) -> list[KnownJob]:
    """The latest jobs that a channel waits for; newest first."""
    rows = await queries.all(
        "SELECT s.job_id, j.snapshot, s.created_at FROM subscriptions s JOIN jobs j ON j.id = s.job_id"
        " WHERE s.channel_id = ? AND s.guild_id = ? AND s.ended_at IS NULL ORDER BY s.id DESC LIMIT ?",
        (channel_id, guild_id, limit),
    )
    return [KnownJob(row["job_id"], row["snapshot"], None, row["created_at"]) for row in rows]


async def shown_in(queries: Queries, subscription_id: int) -> int | None:
    """The message that shows a subscription while it runs: its card, else its batch's summary; None until posted."""
    row = await queries.one(f"SELECT {_SHOWN_IN} AS message_id FROM subscriptions s WHERE s.id = ?", (subscription_id,))
    return row["message_id"] if row is not None else None


async def outcome_message(queries: Queries, subscription_id: int, kind: str) -> OutcomeMessage | None:
    """What became of a subscription's outcome of this kind; the latest posting of it where it was posted again."""
    row = await queries.one(
        "SELECT state, message_id FROM deliveries WHERE subscription_id = ? AND (kind = ?"
        " OR (kind LIKE 'again-%' AND id > (SELECT id FROM deliveries WHERE subscription_id = ? AND kind = ?)))"
        " AND state != 'given_up' ORDER BY state = 'posted' DESC, id DESC LIMIT 1",
        (subscription_id, kind, subscription_id, kind),
    )
    return OutcomeMessage(row["state"], row["message_id"]) if row is not None else None


async def outcome_address(queries: Queries, base_nonce: str) -> OutcomeAddress | None:
    """Whose outcome carries this nonce in its button."""
    row = await queries.one(
        "SELECT s.job_id, d.guild_id, d.channel_id FROM deliveries d JOIN subscriptions s"
        f" ON s.id = d.subscription_id WHERE d.base_nonce = ? AND {IS_OUTCOME}",
        (base_nonce,),
    )
    return None if row is None else OutcomeAddress(row["job_id"], row["guild_id"], row["channel_id"])


@dataclass(frozen=True, slots=True)
class WatchingInServer:
    """How many open subscriptions a server has, and since when it waits for the oldest (milliseconds UTC)."""

    count: int
    oldest: int | None
    of_other_accounts: int
    """How many of them wait for jobs of accounts that the server does not use."""


async def watching_in_server(queries: Queries, guild_id: int, account_id: int | None) -> WatchingInServer:
    """The open subscriptions of a server that uses this account, in figures."""
    row = await queries.one(
        "SELECT count(*), min(s.created_at), coalesce(sum(j.account_id IS NOT ?), 0)"
        " FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.guild_id = ? AND s.ended_at IS NULL",
        (account_id, guild_id),
    )
    return WatchingInServer(0, None, 0) if row is None else WatchingInServer(*row)
