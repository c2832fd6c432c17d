"""Figures for metrics: how many jobs, servers and messages there are, without saying whose."""

from __future__ import annotations

from dataclasses import dataclass

from storage.database import Queries
from storage.deliveries import IS_OPEN

NO_RESPONSE_YET = "no answer yet"
"""Stands for the state of a job about which the API has said nothing yet."""
BLOCKED = "blocked"
"""Stands for the state of a delivery for which a permission is missing."""


@dataclass(frozen=True, slots=True)
class WaitingDeliveries:
    """Messages that are not posted yet, of servers that have the bot."""

    state: str
    """A DeliveryState, or BLOCKED."""
    count: int
    oldest: int
    """When the oldest of them was added, milliseconds UTC."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures over the whole database."""

    open_jobs: dict[str, int]
    """How many, by the state in the API's last response."""
    open_subscriptions: int
    accounts: dict[str, int]
    """How many have a token, by how the API responds to it."""
    servers: int
    """How many servers the bot knows and is in."""
    deliveries: list[WaitingDeliveries]


async def read(queries: Queries) -> Figures:
    """Counts; with 100,000 open jobs it takes some tenths of a second. Raises StorageError."""
    states = await queries.all(
        f"""
        SELECT coalesce({queries.dialect.json_text("snapshot", "state")}, ?) AS state, count(*) AS jobs FROM jobs
        WHERE ended_at IS NULL GROUP BY 1
        """,
        (NO_RESPONSE_YET,),
    )
    accounts = await queries.all(
        "SELECT state, count(*) AS accounts FROM accounts WHERE token IS NOT NULL GROUP BY state"
    )
    return Figures(
        open_jobs={row["state"]: row["jobs"] for row in states},
        open_subscriptions=await queries.count("subscriptions WHERE ended_at IS NULL"),
        accounts={row["state"]: row["accounts"] for row in accounts},
        servers=await queries.count("servers WHERE gone_since IS NULL"),
        deliveries=await queries.all_as(
            WaitingDeliveries,
            f"""
            SELECT CASE WHEN d.blocked_since IS NULL THEN d.state ELSE '{BLOCKED}' END AS state, count(*) AS count,
              min(d.created_at) AS oldest
            FROM deliveries d LEFT JOIN servers s ON s.guild_id = d.guild_id
            WHERE d.{IS_OPEN} AND s.gone_since IS NULL GROUP BY 1
            """,
        ),
    )
