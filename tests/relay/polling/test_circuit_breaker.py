from __future__ import annotations

from random import Random

from relay.polling.circuit_breaker import CircuitBreaker
from relay.polling.schedule import Timing
from tests.clock import ManualClock


class _Breaker(CircuitBreaker):
    """With an interval of 20 s: failures have to span 30 s."""

    def __init__(self, jobs: int = 10) -> None:
        self.clock = ManualClock()
        super().__init__(Timing(self.clock, Random(1), 20.0))
        self.polled_jobs = lambda: jobs

    def responded_at(self, at: float) -> bool:
        self.clock.move_to(at)
        return self.responded()


def test_the_api_is_down_after_three_failures_of_several_jobs() -> None:
    breaker = _Breaker()
    assert not breaker.failed("a", 5, 100)
    assert not breaker.failed("b", 6, 110)
    assert breaker.failed("c", 7, 130)
    assert breaker.down_since == 5
    assert not breaker.failed("d", 8, 140)


def test_a_burst_of_failures_does_not_mean_that_the_api_is_down() -> None:
    breaker = _Breaker(1000)
    assert not any(breaker.failed(f"{n}", n, 100 + n / 10) for n in range(299))
    assert breaker.failed("last", 300, 130)


def test_one_broken_job_among_many_does_not_mean_that_the_api_is_down() -> None:
    breaker = _Breaker()
    assert not any(breaker.failed("a", at, at * 10) for at in range(100))
    assert breaker.down_since is None


def test_a_single_job_is_enough_if_there_is_no_other() -> None:
    breaker = _Breaker(1)
    assert [breaker.failed("a", at, at * 20) for at in range(3)] == [False, False, True]


def test_any_response_restarts_the_count() -> None:
    breaker = _Breaker()
    breaker.failed("a", 1, 100)
    breaker.failed("b", 2, 120)
    assert not breaker.responded_at(130)
    assert not breaker.failed("c", 3, 140)
    breaker.failed("a", 4, 160)
    assert breaker.failed("b", 5, 170)
    assert breaker.down_since == 3
    assert breaker.responded_at(180)
    assert breaker.down_since is None


def test_a_failure_requested_before_the_last_response_says_nothing() -> None:
    breaker = _Breaker()
    breaker.responded_at(150)
    assert not breaker.failed("slow", 1, 140)
    assert not breaker.failed("a", 2, 155)
    assert not breaker.failed("b", 3, 160)
    assert not breaker.failed("c", 4, 172)
    assert breaker.failed("a", 5, 185)
    assert breaker.down_since == 2


def test_one_probe_at_a_time_less_and_less_often() -> None:
    breaker = _Breaker(1)
    for at in (50, 70, 90):
        breaker.failed("a", at, at)
    assert not breaker.begin_probe(1)
    pauses = []
    for _ in range(8):
        began = breaker.clock.monotonic()
        while not breaker.begin_probe(1):
            breaker.clock.move_to(breaker.clock.monotonic() + 0.5)
        pauses.append(breaker.clock.monotonic() - began)
        breaker.clock.move_to(breaker.clock.monotonic() + 1000)
        assert not breaker.begin_probe(2)
        breaker.probe_over(2)
        assert not breaker.begin_probe(2)
        breaker.probe_over(1)
    assert 20 <= pauses[0] <= 31
    assert 200 <= pauses[-1] <= 301
    breaker.responded()
    for at in (0, 20, 40):
        breaker.failed("a", at, breaker.clock.monotonic() + at)
    assert not breaker.begin_probe(1)
    breaker.clock.move_to(breaker.clock.monotonic() + 31)
    assert breaker.begin_probe(1)
