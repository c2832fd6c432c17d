from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from relay.polling import schedule

intervals = st.floats(0.05, 3600)
ages = st.floats(0, 1e6)
times = st.floats(0, 1e7)
randoms = st.integers(0, 2**32).map(Random)


@given(asked_at=times, interval=intervals, age=ages, random=randoms)
def test_never_two_requests_within_an_interval(asked_at: float, interval: float, age: float, random: Random) -> None:
    gap = schedule.gap(interval, age)
    assert schedule.after_gap(asked_at, interval, gap, random) - asked_at >= interval * 0.999999


@given(interval=intervals, age=ages, random=randoms)
def test_from_an_hour_on_every_fifteen_intervals_or_at_least_every_five_minutes(
    interval: float, age: float, random: Random
) -> None:
    pause = schedule.after_gap(0, interval, schedule.gap(interval, age), random)
    assert pause <= max(interval * (1 + schedule.JITTER), schedule.slowest(interval)) * 1.000001
    assert schedule.slowest(20) == 300
    assert schedule.slowest(1) == 15
    assert schedule.slowest(60) == 300
    assert schedule.slowest(600) == 600


@given(interval=intervals, younger=ages, older=ages)
def test_the_older_the_slower(interval: float, younger: float, older: float) -> None:
    younger, older = sorted((younger, older))
    assert schedule.gap(interval, younger) <= schedule.gap(interval, older) * 1.000001


def test_a_young_job_is_requested_at_every_interval_and_an_old_one_every_five_minutes() -> None:
    assert schedule.gap(20, 299) == 20
    assert 30 < schedule.gap(20, 900) < 40
    assert abs(schedule.gap(20, 3600) - 300) < 0.001


@given(asked_at=times, interval=intervals, failures=st.integers(1, 5000), random=randoms)
def test_backoff_stays_between_an_interval_and_the_maximum(
    asked_at: float, interval: float, failures: int, random: Random
) -> None:
    pause = schedule.after_failure(asked_at, interval, failures, random) - asked_at
    assert interval * 0.999 - 1e-6 <= pause <= schedule.slowest(interval) * 1.001 + 1e-6


def test_backoff_grows_and_varies() -> None:
    pauses = [[schedule.after_failure(0, 20, n, Random(seed)) for seed in range(50)] for n in range(1, 8)]
    means = [sum(one) / 50 for one in pauses]
    assert means == sorted(means)
    assert means[-1] > 240
    assert len(set(pauses[-1])) == 50


@given(now=times, interval=intervals, random=randoms, since=st.none() | st.floats(0, 100))
def test_spread_is_within_an_interval_and_respects_the_last_request(
    now: float, interval: float, random: Random, since: float | None
) -> None:
    asked_at = None if since is None else now - since
    at = schedule.spread(now, interval, asked_at, random)
    assert now <= at <= now + interval
    if asked_at is not None:
        assert at >= asked_at + interval or at == now + interval


def test_spread_is_really_spread() -> None:
    random = Random(3)
    moments = [schedule.spread(0, 20, None, random) for _ in range(1000)]
    for second in range(20):
        assert 20 < sum(second <= at < second + 1 for at in moments) < 90


def test_missing_is_believed_after_an_interval_and_a_minute() -> None:
    assert not schedule.is_confirmed_missing(0, 59_999, 20)
    assert schedule.is_confirmed_missing(0, 60_000, 20)
    assert not schedule.is_confirmed_missing(0, 60_000, 90)
    assert schedule.is_confirmed_missing(0, 90_000, 90)
    assert not schedule.is_confirmed_missing(100_000, 0, 20)


@given(interval=intervals, claims=st.lists(st.floats(0, 2000), min_size=1, max_size=200))
def test_at_most_three_early_requests_within_an_interval_however_many_reports(
    interval: float, claims: list[float]
) -> None:
    looks: list[float] = []
    for now in sorted(claims):
        at = schedule.early_look(now, interval, looks, now)
        if at is not None and at <= now:
            looks.append(now)
    for first, fourth in zip(looks, looks[3:], strict=False):
        assert fourth - first >= interval


def test_an_early_request_is_repeated_after_one_and_five_seconds() -> None:
    assert schedule.early_look(100, 20, (), 100) == 100
    assert schedule.early_look(100.2, 20, (100,), 100) == 101
    assert schedule.early_look(101.1, 20, (100, 101), 100) == 105
    assert schedule.early_look(107, 20, (100, 101), 100) == 107
    assert schedule.early_look(106, 20, (100, 101, 105), 100) is None
    assert schedule.early_look(119.9, 20, (100, 101, 105), 119.9) is None
    assert schedule.early_look(120, 20, (100, 101, 105), 119.9) == 120
    assert schedule.early_look(100.02, 0.4, (100,), 100) == 100.02
    assert schedule.early_look(100, 0.4, (100,), 100) == 100.02


def test_slow_early_requests_are_as_few_and_as_far_apart() -> None:
    assert schedule.early_look(130, 20, (100,), 100) == 130
    assert schedule.early_look(130.5, 20, (100, 130), 100) == 134
    assert schedule.early_look(165, 20, (100, 130, 160), 100) is None
    assert schedule.early_look(165, 20, (100, 130, 160), 164) == 165


@given(now=times, interval=intervals, age=ages, random=randoms, jobs=st.integers(0, 10**6))
def test_after_a_pause_jobs_are_due_within_an_interval_or_their_own_gap(
    now: float, interval: float, age: float, random: Random, jobs: int
) -> None:
    gap = schedule.gap(interval, age)
    at = schedule.catch_up(now, interval, gap, jobs, None, random)
    assert now <= at <= now + max(interval, gap)
    if jobs <= interval * schedule.CATCH_UP_RATE:
        assert at <= now + interval
    assert schedule.catch_up(now, interval, gap, jobs, now, random) >= now + interval


def test_a_hundred_thousand_old_jobs_come_no_faster_than_their_schedule() -> None:
    random = Random(5)
    moments = [schedule.catch_up(0, 20, 300, 100_000, None, random) for _ in range(100_000)]
    for second in range(0, 300, 10):
        assert sum(second <= at < second + 1 for at in moments) < 430


def test_one_job_is_requested_at_once_and_many_within_an_interval() -> None:
    random = Random(3)
    assert schedule.first_request_at(5.0, 20.0, 1, random) == 5.0
    assert all(5.0 <= schedule.first_request_at(5.0, 20.0, 10, random) <= 14.0 for _ in range(50))
    assert all(5.0 <= schedule.first_request_at(5.0, 20.0, 500, random) <= 25.0 for _ in range(50))


def test_a_job_is_live_while_it_is_young_and_shown() -> None:
    assert schedule.is_live(0, is_shown=True)
    assert schedule.is_live(schedule.YOUNG, is_shown=True)
    assert not schedule.is_live(schedule.YOUNG + 1, is_shown=True)
    assert not schedule.is_live(0, is_shown=False)


def test_a_record_without_a_card_is_requested_half_as_often() -> None:
    assert schedule.record_after(20, has_card=True) == 120
    assert schedule.record_after(20, has_card=False) == 240
    assert schedule.record_after(10, has_card=True) == 60
