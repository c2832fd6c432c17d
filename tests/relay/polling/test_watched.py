from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.polling.probes import Probes
from relay.polling.watched import Agenda, Polls, Watched


def _job(number: int) -> Watched:
    return Watched(number, 1, f"job-{number}")


def test_jobs_are_counted_by_account() -> None:
    agenda, first, second = Agenda(), Watched(1, 7, "a"), Watched(2, 7, "b")
    agenda.put(first, 1.0)
    agenda.put(first, 2.0)
    agenda.put(second, 3.0)
    assert (agenda.of_account(7), agenda.of_account(8)) == (2, 0)
    assert agenda.waits(first)
    agenda.drop(1)
    agenda.drop(1)
    assert agenda.of_account(7) == 1
    assert not agenda.waits(first)


@given(st.lists(st.tuples(st.sampled_from(["put", "drop", "take"]), st.integers(0, 5), st.floats(0, 100)), max_size=60))
def test_the_agenda_is_a_list_sorted_by_time(steps: list[tuple[str, int, float]]) -> None:
    agenda, plain, taken = Agenda(), dict[int, float](), dict[int, Watched]()
    for step, number, time in steps:
        if step == "put":
            job = agenda.get(number) or _job(number)
            job.busy = False
            agenda.put(job, time)
            plain[number] = time
            taken.pop(number, None)
        elif step == "drop":
            agenda.drop(number)
            plain.pop(number, None)
        else:
            job_taken = agenda.take_due(time)
            due = min(plain.values(), default=None)
            if due is None or due > time:
                assert job_taken is None
            else:
                assert job_taken is not None
                assert plain.pop(job_taken.id) == due
                taken[job_taken.id] = job_taken
        assert agenda.next_due() == min(plain.values(), default=None)


def test_what_is_due_is_late_after_an_interval_and_counts_until_it_is_put_off() -> None:
    agenda = Agenda()
    for number, due in enumerate((70.0, 79.0, 100.0, 101.0), start=1):
        agenda.put(_job(number), due)
    assert agenda.polls(100.0, 20.0) == Polls(jobs=4, due=3, late=2, longest=30.0)
    taken = agenda.take_due(100.0)
    assert taken is not None
    assert agenda.polls(100.0, 20.0).due == 3
    taken.busy = False
    agenda.put(taken, 120.0)
    assert agenda.polls(100.0, 20.0) == Polls(jobs=4, due=2, late=1, longest=21.0)
    assert Agenda().polls(0.0, 20.0) == Polls(0, 0, 0, 0.0)


def test_moving_jobs_about_does_not_grow_the_heap() -> None:
    agenda = Agenda()
    jobs = [_job(number) for number in range(10)]
    for turn in range(1000):
        for job in jobs:
            agenda.put(job, float(turn))
    assert len(agenda._heap) <= 100


def test_two_of_the_same_number_are_a_fault() -> None:
    agenda = Agenda()
    agenda.put(_job(1), 1)
    with pytest.raises(ValueError, match="#1"):
        agenda.put(_job(1), 2)


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
