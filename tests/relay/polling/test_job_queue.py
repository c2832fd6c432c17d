from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.polling.job_queue import JobQueue, Polls, Watched
from relay.polling.probes import Probes


def _job(number: int, account: int = 1) -> Watched:
    return Watched(number, account, f"job-{number}")


def test_jobs_are_counted_by_account() -> None:
    queue, first, second = JobQueue(20), Watched(1, 7, "a"), Watched(2, 7, "b")
    queue.put(first, 1.0)
    queue.put(first, 2.0)
    queue.put(second, 3.0)
    assert (queue.of_account(7), queue.of_account(8)) == (2, 0)
    assert queue.waits(first)
    queue.drop(first, 0)
    queue.drop(first, 0)
    assert queue.of_account(7) == 1
    assert not queue.waits(first)


def test_live_jobs_are_counted_by_account_until_they_are_put_as_others_or_leave() -> None:
    queue, first, second = JobQueue(20), Watched(1, 7, "a"), Watched(2, 7, "b")
    queue.put(first, 1.0, is_live=True)
    queue.put(first, 2.0, is_live=True)
    queue.put(second, 3.0, is_live=True)
    assert (queue.live_of_account(7), queue.live_of_account(8)) == (2, 0)
    queue.put(first, 4.0)
    assert queue.live_of_account(7) == 1
    queue.start(second)
    queue.drop(second, 0)
    queue.landed(second, 0)
    assert queue.live_of_account(7) == 0
    queue.put(first, 5.0, is_live=True)
    queue.drop(first, 0)
    queue.put(queue.new(1, 7, "a"), 6.0)
    assert queue.live_of_account(7) == 0


_STEP = st.tuples(st.sampled_from(["put", "drop", "start", "end"]), st.integers(0, 8), st.floats(0, 100))


@given(st.lists(_STEP, max_size=80))
def test_the_queue_is_a_list_sorted_by_time_of_the_jobs_whose_account_has_room(
    steps: list[tuple[str, int, float]],
) -> None:
    queue, plain, flying = JobQueue(20, per_account=2), dict[int, float](), dict[int, Watched]()
    for step, number, time in steps:
        job = queue.get(number)
        if step == "put":
            job = job or flying.get(number) or _job(number, number % 3)
            queue.put(job, time)
            plain[number] = time
            flying.pop(number, None)
        elif step == "drop" and job is not None:
            queue.drop(job, 0)
            plain.pop(number, None)
        elif step == "end" and number in flying:
            queue.landed(flying.pop(number), 0)
        elif step == "start":
            due = queue.first_due(time)
            if due is not None:
                queue.start(due)
                flying[due.id] = due
                del plain[due.id]
        full = {account for account in range(3) if sum(one % 3 == account for one in flying) >= 2}
        expected = min((at for one, at in plain.items() if one % 3 not in full), default=None)
        assert queue.next_due() == expected
        first = queue.first_due(100)
        assert (None if first is None else plain[first.id]) == expected
        assert set(queue.in_flight) == set(flying.values())


def test_a_job_that_is_gone_makes_room_for_the_next_of_its_account() -> None:
    queue = JobQueue(20, per_account=1)
    first, second = _job(1), _job(2)
    queue.put(first, 1)
    queue.put(second, 2)
    queue.start(first)
    assert queue.next_due() is None
    queue.landed(first, 3)
    assert queue.next_due() == 2


def test_what_is_due_is_late_after_an_interval_and_counts_until_it_is_put_off() -> None:
    queue = JobQueue(20)
    for number, due in enumerate((70.0, 79.0, 100.0, 101.0), start=1):
        queue.put(_job(number), due)
    assert queue.polls(100.0) == Polls(jobs=4, due=3, late=2, longest=30.0)
    first = queue.first_due(100.0)
    assert first is not None
    queue.start(first)
    assert queue.polls(100.0).due == 3
    queue.put(first, 120.0)
    assert queue.polls(100.0) == Polls(jobs=4, due=2, late=1, longest=21.0)
    assert JobQueue(20).polls(0.0) == Polls(0, 0, 0, 0.0)


@pytest.mark.parametrize("step", [1, -1])
def test_moving_jobs_about_does_not_grow_the_heaps(step: int) -> None:
    queue = JobQueue(20)
    jobs = [_job(number, number % 2) for number in range(10)]
    for turn in range(1000):
        for job in jobs:
            queue.put(job, float(step * turn))
    assert sum(len(account.heap) for account in queue._accounts.values()) <= 200
    assert len(queue._heap) <= 100


def test_two_of_the_same_number_are_a_fault() -> None:
    queue = JobQueue(20)
    queue.put(_job(1), 1)
    with pytest.raises(ValueError, match="#1"):
        queue.put(_job(1), 2)


def test_a_job_that_left_a_moment_ago_knows_when_it_was_asked_about_and_is_then_forgotten() -> None:
    queue = JobQueue(20)
    job = queue.new(1, 1, "job")
    job.requested_at, job.early_looks = 7.0, (7.0,)
    queue.put(job, 30)
    queue.drop(job, 10)
    again = queue.new(1, 1, "job")
    assert again is not job
    assert (again.requested_at, again.early_looks) == (7.0, (7.0,))
    for number in range(2, 1000):
        other = queue.new(number, number, "job")
        queue.put(other, 0)
        queue.drop(other, float(number))
    assert len(queue._gone) <= 21
    assert not queue._accounts


def test_a_job_that_comes_back_while_it_is_in_flight_is_still_in_flight() -> None:
    queue = JobQueue(20)
    job = queue.new(1, 1, "job")
    queue.put(job, 0)
    queue.start(job)
    queue.drop(job, 5)
    assert queue.new(1, 1, "job") is job
    assert queue.holds(job)
    assert not queue.waits(job)
    queue.drop(job, 6)
    assert queue.new(1, 2, "job") is not job  # It has become another account's.


def test_one_probe_at_a_time_ever_less_often() -> None:
    probes = Probes(20, Random(1))
    assert not probes.take(1, 0)
    now, pauses = 0.0, []
    for _ in range(8):
        began = now
        while not probes.take(1, now):
            now += 0.5
        pauses.append(now - began)
        assert not probes.take(2, now + 1000)
        probes.finished(2, now)
        assert not probes.take(2, now + 1000)
        probes.finished(1, now)
    assert 20 <= pauses[0] <= 31
    assert 200 <= pauses[-1] <= 301
    probes.reset()
    assert not probes.take(1, now)
    assert probes.take(1, now + 31)
