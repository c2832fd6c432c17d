from __future__ import annotations

from relay.breaker import Breaker


def test_down_after_three_failures_of_several_jobs_since_the_first() -> None:
    breaker = Breaker()
    assert not breaker.failed("a", 5, 10)
    assert not breaker.failed("b", 6, 10)
    assert breaker.failed("c", 7, 10)
    assert breaker.down_since == 5
    assert not breaker.failed("d", 8, 10)


def test_one_broken_job_among_many_is_not_the_api() -> None:
    breaker = Breaker()
    assert not any(breaker.failed("a", at, 10) for at in range(100))
    assert breaker.down_since is None


def test_where_there_is_but_one_job_it_has_to_do() -> None:
    breaker = Breaker()
    assert [breaker.failed("a", at, 1) for at in range(3)] == [False, False, True]


def test_any_answer_starts_the_count_anew() -> None:
    breaker = Breaker()
    breaker.failed("a", 1, 10)
    breaker.failed("b", 2, 10)
    assert not breaker.answered()
    assert not breaker.failed("c", 3, 10)
    breaker.failed("a", 4, 10)
    assert breaker.failed("b", 5, 10)
    assert breaker.down_since == 3
    assert breaker.answered()
    assert breaker.down_since is None
