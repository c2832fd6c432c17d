from __future__ import annotations

from relay.polling.circuit_breaker import CircuitBreaker

PATIENCE = 30.0


def test_down_after_three_failures_of_several_jobs_since_the_first() -> None:
    breaker = CircuitBreaker(PATIENCE)
    assert not breaker.failed("a", 5, 100, 10)
    assert not breaker.failed("b", 6, 110, 10)
    assert breaker.failed("c", 7, 130, 10)
    assert breaker.down_since == 5
    assert not breaker.failed("d", 8, 140, 10)


def test_a_burst_of_failures_is_not_the_end_of_the_api() -> None:
    breaker = CircuitBreaker(PATIENCE)
    assert not any(breaker.failed(f"{n}", n, 100 + n / 10, 1000) for n in range(299))
    assert breaker.failed("last", 300, 130, 1000)


def test_one_broken_job_among_many_is_not_the_api() -> None:
    breaker = CircuitBreaker(PATIENCE)
    assert not any(breaker.failed("a", at, at * 10, 10) for at in range(100))
    assert breaker.down_since is None


def test_where_there_is_but_one_job_it_has_to_do() -> None:
    breaker = CircuitBreaker(PATIENCE)
    assert [breaker.failed("a", at, at * 20, 1) for at in range(3)] == [False, False, True]


def test_any_answer_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(PATIENCE)
    breaker.failed("a", 1, 0, 10)
    breaker.failed("b", 2, 20, 10)
    assert not breaker.answered(30)
    assert not breaker.failed("c", 3, 40, 10)
    breaker.failed("a", 4, 60, 10)
    assert breaker.failed("b", 5, 70, 10)
    assert breaker.down_since == 3
    assert breaker.answered(80)
    assert breaker.down_since is None


def test_a_failure_that_was_asked_before_an_answer_came_says_nothing() -> None:
    breaker = CircuitBreaker(PATIENCE)
    breaker.answered(50)
    assert not breaker.failed("slow", 1, 40, 10)
    assert not breaker.failed("a", 2, 55, 10)
    assert not breaker.failed("b", 3, 60, 10)
    assert not breaker.failed("c", 4, 72, 10)
    assert breaker.failed("a", 5, 85, 10)
    assert breaker.down_since == 2
