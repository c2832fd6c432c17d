"""What a channel, a person or a server sees of the jobs that they wait for: reads over several tables."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.states import DeliveryKind
from storage.database import Queries, found


@dataclass(frozen=True, slots=True)
class OpenHere:
    """An open subscription of a channel, with its job."""

    job_id: int
    account_id: int
    snapshot: str | None
    message_id: int | None
    mine: bool
    """Whether the person who asks waits for it."""


@dataclass(frozen=True, slots=True)
class KnownJob:
    """A job that may be offered to somebody."""

    job_id: int
    snapshot: str | None
    outcome: Outcome | None
    watched_since: int
    """Since when the server, or its channel, has waited for it, in milliseconds UTC."""
    account_id: int


@dataclass(frozen=True, slots=True)
class WatchingInServer:
    """How many jobs a server waits for, and since when it waits for the oldest (milliseconds UTC). A job that several
    channels wait for counts once."""

    count: int
    oldest: int | None
    of_other_accounts: int
    """How many of them belong to accounts that the server does not use."""


_SHOWN_IN = f"""coalesce(
  (SELECT message_id FROM deliveries WHERE subscription_id = s.id AND kind = '{DeliveryKind.CARD}'),
  (SELECT message_id FROM deliveries WHERE batch_id = s.batch_id AND kind = '{DeliveryKind.SUMMARY}'))"""


async def open_here(queries: Queries, guild_id: int, channel_id: int, user_id: int) -> list[OpenHere]:
    """The channel's open subscriptions, oldest first, each with the message that shows it: its card, or its batch's
    summary."""
    return await queries.all_as(
        OpenHere,
        f"""
        SELECT s.job_id, j.account_id, j.snapshot, {_SHOWN_IN} AS message_id,
          EXISTS (SELECT 1 FROM subscribers WHERE subscription_id = s.id AND user_id = ?) AS mine
        FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.channel_id = ? AND s.guild_id = ? AND s.ended_at IS NULL ORDER BY s.id
        """,
        (user_id, channel_id, guild_id),
    )


async def known_jobs(queries: Queries, guild_id: int, channel_id: int, user_id: int, limit: int) -> list[KnownJob]:
    """The latest jobs of this channel, and those that this person asked for in this server; newest first."""
    return await queries.all_as(
        KnownJob,
        """
        SELECT id AS job_id, snapshot, outcome, account_id,
          (SELECT min(created_at) FROM subscriptions WHERE job_id = jobs.id AND guild_id = ?2) AS watched_since
        FROM jobs WHERE id IN (
          SELECT job_id FROM (SELECT s.job_id FROM subscriptions s WHERE s.channel_id = ?1 AND s.guild_id = ?2
            ORDER BY s.id DESC LIMIT ?4) AS here
          UNION SELECT job_id FROM (SELECT s.job_id FROM subscribers p JOIN subscriptions s ON s.id = p.subscription_id
            WHERE p.user_id = ?3 AND s.guild_id = ?2 ORDER BY s.id DESC LIMIT ?4) AS asked
        ) ORDER BY id DESC LIMIT ?4
        """,
        (channel_id, guild_id, user_id, limit),
    )


async def watched_jobs(queries: Queries, guild_id: int, channel_id: int, limit: int) -> list[KnownJob]:
    """The latest jobs that a channel waits for, newest first."""
    return await queries.all_as(
        KnownJob,
        """
        SELECT s.job_id, j.snapshot, NULL AS outcome, s.created_at AS watched_since, j.account_id
        FROM subscriptions s JOIN jobs j ON j.id = s.job_id
        WHERE s.channel_id = ? AND s.guild_id = ? AND s.ended_at IS NULL ORDER BY s.id DESC LIMIT ?
        """,
        (channel_id, guild_id, limit),
    )


async def shown_in(queries: Queries, subscription_id: int) -> int | None:
    """The message that shows a subscription while it runs: its card, else its batch's summary; None until posted."""
    return await queries.value(f"SELECT {_SHOWN_IN} FROM subscriptions s WHERE s.id = ?", (subscription_id,))


async def shown_by(queries: Queries, subscription_id: int) -> int | None:
    """The delivery of the message that shows a subscription while it runs: its batch's summary, or else its card."""
    return await queries.value(
        f"""
        SELECT coalesce(
          (SELECT id FROM deliveries WHERE batch_id = s.batch_id AND kind = '{DeliveryKind.SUMMARY}'),
          (SELECT id FROM deliveries WHERE subscription_id = s.id AND kind = '{DeliveryKind.CARD}'))
        FROM subscriptions s WHERE s.id = ?
        """,
        (subscription_id,),
    )


async def watching_in_server(queries: Queries, guild_id: int, account_id: int | None) -> WatchingInServer:
    """Figures about the jobs that a server which uses this account waits for."""
    row = await queries.one_as(
        WatchingInServer,
        """
        SELECT count(DISTINCT s.job_id) AS count, min(s.created_at) AS oldest,
          count(DISTINCT s.job_id) FILTER (WHERE NOT coalesce(j.account_id = ?, FALSE)) AS of_other_accounts
        FROM subscriptions s JOIN jobs j ON j.id = s.job_id WHERE s.guild_id = ? AND s.ended_at IS NULL
        """,
        (account_id, guild_id),
    )
    return found(row)
