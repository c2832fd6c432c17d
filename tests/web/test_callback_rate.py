"""How many callbacks of a server are taken."""

from __future__ import annotations

import pytest

from relay.allowances import Buckets, Refill
from tests.clock import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def servers(clock: ManualClock) -> Buckets[int]:
    return Buckets(clock, Refill(burst=5, per_second=2))


def _taken(servers: Buckets[int], guild_id: int, callbacks: int) -> int:
    taken = 0
    for _ in range(callbacks):
        if servers.wait(guild_id) == 0:
            servers.take(guild_id)
            taken += 1
    return taken


def test_a_burst_and_then_a_steady_rate(servers: Buckets[int], clock: ManualClock) -> None:
    assert _taken(servers, 1, 7) == 5
    clock.forward(1)
    assert _taken(servers, 1, 3) == 2
    clock.forward(100)
    assert _taken(servers, 1, 6) == 5


def test_one_server_s_flood_takes_nothing_from_another(servers: Buckets[int]) -> None:
    assert _taken(servers, 1, 1000) == 5
    assert _taken(servers, 2, 1) == 1


def test_quiet_servers_are_forgotten(servers: Buckets[int], clock: ManualClock) -> None:
    for guild_id in range(50):
        servers.take(guild_id)
    clock.forward(100)
    for _ in range(60):
        _taken(servers, 1000, 1)
        clock.forward(0.5)
    assert len(servers) == 1
