from __future__ import annotations

from relay.clock import DatabaseClock
from tests.clock import ManualClock


def test_it_follows_the_database_s_clock_and_not_the_local_one() -> None:
    machine = ManualClock(1_000_000, 50.0)
    clock = DatabaseClock(machine)
    assert clock.now() == 1_000_000
    asked_at = machine.monotonic()
    machine.forward(2)
    clock.set(5_000_000, asked_at)
    assert clock.now() == 5_001_000  # It said so a second ago, as far as anybody knows.
    machine.jump(-600_000)
    machine.forward(10)
    assert clock.now() == 5_011_000
    assert clock.monotonic() == 62.0


def test_a_halt_during_the_query_sets_nothing_back() -> None:
    machine = ManualClock(1_000_000, 50.0)
    clock = DatabaseClock(machine)
    clock.set(5_000_000, machine.monotonic())
    for _ in range(2):
        asked_at, now = machine.monotonic(), clock.now()
        machine.forward(20)
        clock.set(now, asked_at)  # The response came at once but was read late.
        assert clock.now() == now + 20_000
        machine.forward(1)
    clock.set(9_000_000, machine.monotonic())
    assert clock.now() == 9_000_000
    clock.set(8_000_000, machine.monotonic())
    assert clock.now() == 8_000_000
