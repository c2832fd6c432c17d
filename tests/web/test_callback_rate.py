from __future__ import annotations

from web.callbacks import CallbackRate


def test_a_burst_and_then_so_many_a_second() -> None:
    rate = CallbackRate(burst=5, per_second=2)
    assert [rate.take(1, 100.0) for _ in range(7)] == [True] * 5 + [False] * 2
    assert [rate.take(1, 101.0) for _ in range(3)] == [True, True, False]
    assert [rate.take(1, 200.0) for _ in range(6)] == [True] * 5 + [False]


def test_one_server_s_flood_takes_nothing_from_another() -> None:
    rate = CallbackRate(burst=5, per_second=2)
    assert sum(rate.take(1, 100.0) for _ in range(1000)) == 5
    assert rate.take(2, 100.0)


def test_those_that_are_quiet_are_forgotten() -> None:
    rate = CallbackRate(burst=5, per_second=2)
    for guild_id in range(50):
        rate.take(guild_id, 100.0)
    for _ in range(60):
        rate.take(1000, 200.0)
    assert len(rate._buckets) == 1
