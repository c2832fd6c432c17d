"""`GET /healthz`: tells whether the bot works, why not if it doesn't, and how long ago each loop last turned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus

from relay.failures import LoopCrashes
from relay.write_availability import WriteAvailability
from web.http_messages import Request, Response

STALLED_AFTER = 120.0
"""Seconds. Each loop turns at least every 30 s, and one turn takes seconds at worst."""


class Heartbeats:
    """The ages of the loops' heartbeats. `turned` has functions that return when each loop last turned; all times are
    monotonic seconds.

    A loop that keeps crashing counts as not turning since its first crash.
    """

    def __init__(
        self, turned: Mapping[str, Callable[[], float]], crashes: LoopCrashes, monotonic: Callable[[], float]
    ) -> None:
        self._turned = turned
        self._crashes = crashes
        self._monotonic = monotonic
        self._begun_at: float | None = None

    def begin(self) -> None:
        """Starts to watch the loops, which begin to run now."""
        self._begun_at = self._monotonic()

    def ages(self) -> dict[str, float]:
        """Seconds for which each loop has not turned, or has kept crashing; empty before `begin`."""
        begun_at = self._begun_at
        if begun_at is None:
            return {}
        now = self._monotonic()
        return {name: now - self._well_at(name, max(turned(), begun_at), now) for name, turned in self._turned.items()}

    def crashes(self) -> dict[str, int]:
        """How often each loop has crashed; loops that never did are left out."""
        return dict(self._crashes.counts)

    def _well_at(self, name: str, turned_at: float, now: float) -> float:
        crashing_since = self._crashes.crashing_since(name, now)
        return turned_at if crashing_since is None else min(turned_at, crashing_since)


def stalled(ages: Mapping[str, float]) -> list[str]:
    """The names of the loops that have stalled."""
    return sorted(name for name, age in ages.items() if age > STALLED_AFTER)


LONGEST_WITHOUT_GATEWAY = 600.0
"""Seconds. Posting needs no gateway, and most of its outages are shorter."""


LONGEST_WITHOUT_LEASE = 120.0
"""Seconds. A process that can reach the database has a lease again within seconds."""


def reasons(
    loops: Mapping[str, float], *, takes_writes: bool, gateway_away: float, without_lease: float = 0.0
) -> list[str]:
    """Why the bot does not work; empty if it does. A short outage of Discord or the API is not a reason.

    Args:
        loops: How long each loop has not turned, in seconds.
        takes_writes: Whether the database takes writes.
        gateway_away: How long the gateway has been away, in seconds; 0 if it is connected.
        without_lease: How long this process has had no lease in a shared database, in seconds; 0 if it has one.
    """
    found = [f"the {name} loop has not turned for {loops[name]:.0f} s" for name in stalled(loops)]
    if not takes_writes:
        found.append("the database takes no write")
    if gateway_away > LONGEST_WITHOUT_GATEWAY:
        found.append(f"Discord's gateway has been away for {gateway_away:.0f} s")
    if without_lease > LONGEST_WITHOUT_LEASE:
        found.append(f"this process has had no lease in the database for {without_lease:.0f} s")
    return found


_NAMED_ACCOUNTS = 100
"""Maximum number of accounts in a report. They are named by their numbers in the database, which reveal nothing."""


class HealthReport:
    """Handles `GET /healthz`. `gateway_away` and `without_lease` return seconds; `shards` and `accounts` return what
    the process holds."""

    def __init__(
        self,
        heartbeats: Heartbeats,
        writes: WriteAvailability,
        gateway_away: Callable[[], float],
        without_lease: Callable[[], float],
        shards: Callable[[], Collection[int]],
        accounts: Callable[[], Collection[int]],
    ) -> None:
        self._heartbeats = heartbeats
        self._writes = writes
        self._gateway_away = gateway_away
        self._without_lease = without_lease
        self._shards = shards
        self._accounts = accounts

    async def answer(self, _request: Request) -> Response:
        """200, or 503 with the reasons."""
        takes_writes = await self._writes.takes_writes()
        loops, gateway_away, without_lease = self._heartbeats.ages(), self._gateway_away(), self._without_lease()
        found = reasons(loops, takes_writes=takes_writes, gateway_away=gateway_away, without_lease=without_lease)
        accounts = sorted(self._accounts())
        return Response.of_json(
            {
                "status": "failing" if found else "ok",
                "reasons": found,
                "seconds_since_loops_turned": {name: round(age, 1) for name, age in loops.items()},
                "loop_crashes": self._heartbeats.crashes(),
                "database_takes_writes": takes_writes,
                "seconds_without_gateway": round(gateway_away, 1),
                "seconds_without_lease": round(without_lease, 1),
                "shards": sorted(self._shards()),
                "accounts_held": len(accounts),
                "accounts": accounts[:_NAMED_ACCOUNTS],
            },
            HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK,
        )
