from __future__ import annotations

import math
from collections import defaultdict
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from relay.polling.job_queue import JobQueue, PolledJob, Polls
from relay.polling.schedule import EARLY_LOOKS, LIVE_JOBS, Timing
from storage.jobs import OpenJob
from tests.clock import ManualClock
from tests.relay.relay_fixture import HOUR

_NUMBERS = st.integers(0, 8)
_EVENTS = st.sampled_from(["still_running", "missing", "failed", "release", "ended"])


class _Queue(JobQueue):
    """A queue with a manual clock, an interval of 20 s, and jobs that were never requested."""

    def __init__(self, *, per_account: int = 8) -> None:
        self.clock = ManualClock()
        super().__init__(Timing(self.clock, Random(1), 20.0), 48 * HOUR, per_account=per_account)

    def with_job(
        self, number: int, account: int = 1, *, is_shown: bool = False, one_of: int | None = None
    ) -> PolledJob:
        """Adds a job by itself, or as one of so many that are read at once."""
        row = OpenJob(number, account, f"job-{number}", None, self.clock.now(), None, frozenset({1}), True, is_shown)
        if one_of is None:
            self.add(row)
        else:
            self.add_one_of_many(row, one_of)
        job = self.get(number)
        assert job is not None
        return job

    def later(self, seconds: float) -> None:
        self.clock.move_to(self.clock.monotonic() + seconds)


def _started(queue: _Queue, number: int, account: int = 1) -> PolledJob:
    job = queue.with_job(number, account)
    queue.start(job)
    return job


def test_jobs_are_counted_by_account() -> None:
    queue = _Queue()
    first = queue.with_job(1, 7)
    assert queue.with_job(1, 7) is first
    queue.with_job(2, 7)
    assert (queue.of_account(7), queue.of_account(8), len(queue)) == (2, 0, 2)
    assert queue.waits(first)
    queue.remove(1)
    queue.remove(1)
    assert queue.of_account(7) == 1
    assert not queue.waits(first)
    assert not queue.contains(first)


def test_a_job_that_moves_to_another_account_is_counted_only_there() -> None:
    queue = _Queue()
    queue.with_job(1, 7)
    queue.with_job(1, 8)
    assert (queue.of_account(7), queue.of_account(8), len(queue)) == (0, 1, 1)


def test_nothing_is_kept_of_a_job_that_left_an_interval_ago() -> None:
    queue = _Queue()
    queue.with_job(1)
    queue.remove(1)
    queue.later(21)
    assert queue.next_due() is None
    assert not queue._gone


def test_nothing_is_kept_of_jobs_that_leave_while_another_stays() -> None:
    queue = _Queue()
    for number in range(100):
        queue.with_job(number)
    for number in range(1, 100):
        queue.remove(number)
    assert len(queue._accounts[1].heap) <= 2


def test_only_one_time_is_kept_of_a_job_that_is_reread_often() -> None:
    queue = _Queue()
    for _ in range(100):
        queue.with_job(1)
    assert len(queue._accounts[1].heap) <= 2


def test_a_job_is_gone_once_no_request_for_it_is_in_flight() -> None:
    queue, gone = _Queue(), list[int]()
    queue.gone.listen(lambda job: gone.append(job.id))
    queue.with_job(1)
    queue.remove(1)
    assert gone == [1]
    second, third = _started(queue, 2), _started(queue, 3)
    queue.remove(2)
    assert gone == [1]
    queue.still_running(second)
    queue.ended(third)
    assert gone == [1, 2, 3]


def test_live_jobs_are_counted_by_account_until_they_are_old_or_leave() -> None:
    queue = _Queue()
    first, second = queue.with_job(1, 7, is_shown=True), queue.with_job(2, 7, is_shown=True)
    queue.with_job(1, 7, is_shown=True)
    assert (queue.live_of_account(7), queue.live_of_account(8)) == (2, 0)
    queue.with_job(1, 7, is_shown=False)
    assert queue.live_of_account(7) == 1
    queue.start(second)
    queue.ended(second)
    assert queue.live_of_account(7) == 0
    queue.with_job(1, 7, is_shown=True)
    queue.later(301)
    queue.start(first)
    queue.still_running(first)
    assert queue.live_of_account(7) == 0


def test_the_records_of_a_few_live_jobs_are_needed() -> None:
    queue = _Queue()
    jobs = [queue.with_job(number, is_shown=True) for number in range(LIVE_JOBS)]
    assert all(queue.needs_record(job) for job in jobs)
    queue.with_job(99, is_shown=True)
    assert not any(queue.needs_record(job) for job in jobs)


def test_a_list_that_names_a_job_shows_that_it_is_running() -> None:
    queue = _Queue()
    job = _started(queue, 1)
    queue.still_running(job)
    other = queue.with_job(2, 7)
    queue.later(3000)
    listed_at, now = queue.clock.monotonic(), queue.clock.now()
    queue.later(1)
    queue.seen_active(job.account_id, {job.jobid}, listed_at)
    assert job.ran_until == now
    assert other.ran_until is None


def test_an_older_list_does_not_set_back_when_a_job_was_last_seen_active() -> None:
    queue = _Queue()
    listed_at = queue.clock.monotonic()
    queue.later(1)
    job = _started(queue, 1)
    job.ran_until = now = queue.clock.now()
    queue.seen_active(job.account_id, {job.jobid}, listed_at)
    assert job.ran_until == now


def test_a_record_is_requested_an_interval_after_the_last_time_whatever_makes_it_due() -> None:
    queue = _Queue()
    job = _started(queue, 1)
    queue.record_requested(job)
    queue.later(1)
    queue.release(job)
    assert job.due == 70.0
    queue.list_refreshed([job], [], queue.clock.monotonic())
    assert job.due == 70.0
    queue.remove(1)
    assert queue.with_job(1, 2, one_of=1).due >= 70.0
    queue.report_end(1)
    assert queue.with_job(1, 2).due == queue.clock.monotonic()


@pytest.mark.parametrize("event", ["still_running", "missing", "failed", "release"])
@pytest.mark.parametrize("seconds", [0.0, 7.0, 30.0])
def test_one_report_causes_three_requests_whatever_their_result_or_duration(event: str, seconds: float) -> None:
    queue = _Queue()
    job = queue.with_job(1)
    queue.report_end(1)
    early = []
    for _ in range(10):
        queue.clock.move_to(max(job.due, queue.clock.monotonic()))
        early.append(job.end_reported)
        queue.start(job)
        queue.record_requested(job)
        queue.later(seconds)
        getattr(queue, event)(job)
    assert early == [True] * 3 + [False] * 7
    queue.report_end(1)
    assert job.end_reported


def test_a_report_makes_no_job_wait_longer() -> None:
    queue = _Queue()
    job = queue.with_job(1)
    queue.report_end(1)
    for _ in range(3):
        queue.clock.move_to(job.due)
        queue.start(job)
        queue.record_requested(job)
        queue.failed(job)
    assert 20 <= job.due - queue.clock.monotonic() <= 30


def test_an_overage_job_that_cannot_be_given_up_is_not_retried_at_once() -> None:
    queue = _Queue()
    job = queue.with_job(1)
    queue.later(49 * 3600)
    queue.report_end(1)
    queue.start(job)
    queue.report_end(1)
    queue.failed(job)
    assert job.due >= queue.clock.monotonic() + 20


def test_a_job_whose_account_is_never_polled_is_due_when_it_has_to_be_given_up() -> None:
    queue = _Queue()
    job = queue.with_job(1)
    queue.postpone(job, math.inf)
    assert job.due == pytest.approx(50 + 48 * 3600, abs=1)


@pytest.mark.parametrize("watched_at", [440177.9226872947, 1.1, 3333.3333333])
def test_a_job_may_be_given_up_at_the_very_moment_it_is_due_for_that(watched_at: float) -> None:
    queue = _Queue()
    queue.clock.move_to(watched_at)
    job = queue.with_job(1)
    queue.postpone(job, math.inf)
    queue.clock.move_to(job.due)
    assert queue.may_be_given_up(job, responded=True)


class AnyEvents(RuleBasedStateMachine):
    """Whatever happens in whatever order, each job is in one state and is due at some time, and none is requested too
    often. The earliest waiting job whose account has room is the first one."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = _Queue(per_account=2)
        self.held: dict[int, PolledJob] = {}
        self.flying: dict[PolledJob, None] = {}
        self.requests: dict[int, list[tuple[float, bool]]] = defaultdict(list)
        self.looks: dict[int, int] = defaultdict(int)
        """How often a job was requested early since the latest report of its end."""
        self.account = {number: number % 3 for number in range(9)}

    @rule(number=_NUMBERS, shown=st.booleans())
    def a_job_is_watched(self, number: int, *, shown: bool) -> None:
        self.held[number] = self.queue.with_job(number, self.account[number], is_shown=shown)

    @rule(number=_NUMBERS, account=st.integers(0, 2))
    def a_token_is_renewed(self, number: int, account: int) -> None:
        """The job moves to the new token's row, which may be the one it had before."""
        self.account[number] = account
        if number in self.held:
            self.held[number] = self.queue.with_job(number, account, one_of=len(self.held))

    @rule(account=st.integers(0, 2), jobs=st.sampled_from([1, 100_000]))
    def an_account_is_read_again(self, account: int, jobs: int) -> None:
        for number in [number for number, job in self.held.items() if job.account_id == account]:
            self.held[number] = self.queue.with_job(number, account, one_of=jobs)

    @rule(number=_NUMBERS)
    def a_job_is_unwatched(self, number: int) -> None:
        self.queue.remove(number)
        self.held.pop(number, None)

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.queue.later(seconds)

    @rule(number=_NUMBERS)
    def a_callback_reports_an_end(self, number: int) -> None:
        self.queue.report_end(number)
        self.looks[number] = 0

    @rule()
    def the_api_or_the_database_is_back(self) -> None:
        self.queue.try_again()

    @rule(left=st.integers(0, 8))
    def a_list_comes(self, left: int) -> None:
        jobs = list(self.held.values())
        self.queue.list_refreshed(jobs[:left], jobs[left:], self.queue.clock.monotonic())

    @rule()
    def the_loop_is_restarted(self) -> None:
        self.queue.release_all()
        self.queue.polling_begins()
        self.flying.clear()

    @rule(postponed=st.one_of(st.none(), st.sampled_from([0.0, 30.0, math.inf])))
    def the_first_job_is_started_or_postponed(self, postponed: float | None) -> None:
        job = self.queue.first_due()
        if job is None:
            return
        if postponed is not None:
            self.queue.postpone(job, self.queue.clock.monotonic() + postponed)
            return
        self._request(job)

    def _request(self, job: PolledJob) -> None:
        self.requests[job.id].append((self.queue.clock.monotonic(), job.end_reported))
        self.looks[job.id] += job.end_reported
        self.queue.start(job)
        self.queue.record_requested(job)
        self.flying[job] = None

    @rule(seconds=st.sampled_from([0.0, 2.0, 7.0, 25.0]), events=st.lists(_EVENTS, min_size=3, max_size=6))
    def requests_in_a_row_take_long(self, seconds: float, events: list[str]) -> None:
        for event in events:
            due = self.queue.next_due()
            if due is None or due > self.queue.clock.monotonic() + 60:
                return
            self.queue.clock.move_to(max(due, self.queue.clock.monotonic()))
            job = self.queue.first_due()
            assert job is not None
            self._request(job)
            self.queue.later(seconds)
            self._over(job, event)

    @rule(until=st.sampled_from([0.0, 10.0, 1000.0]))
    def the_api_is_down_when_a_job_is_due(self, until: float) -> None:
        job = self.queue.first_due()
        if job is not None:
            self.queue.defer(job, self.queue.clock.monotonic() + until)

    @rule(old=st.floats(0, 20))
    def a_list_will_do_for_the_first_job(self, old: float) -> None:
        job = self.queue.first_due()
        if job is not None and not job.end_reported:
            self.queue.start(job)
            self.queue.named_by_list(job, self.queue.clock.monotonic() - old)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 8), event=_EVENTS)
    def a_request_is_over(self, which: int, event: str) -> None:
        self._over(list(self.flying)[which % len(self.flying)], event)

    def _over(self, job: PolledJob, event: str) -> None:
        getattr(self.queue, event)(job)
        del self.flying[job]
        if event == "ended" and self.held.get(job.id) is job:
            del self.held[job.id]

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 8), seconds=st.sampled_from([1.0, 100.0, math.inf]))
    def a_request_was_refused(self, which: int, seconds: float) -> None:
        job = list(self.flying)[which % len(self.flying)]
        self.queue.postpone(job, self.queue.clock.monotonic() + seconds)
        del self.flying[job]

    @invariant()
    def each_job_is_in_one_state_and_due_at_some_time(self) -> None:
        queue = self.queue
        jobs = [job for account in range(3) for job in queue.jobs_of_account(account)]
        assert len(jobs) == len(queue)
        assert set(jobs) == set(self.held.values())
        assert set(queue.in_flight) == set(self.flying)
        assert all(job.in_flight == (job in self.flying) and job.due < math.inf for job in jobs)
        full = {account for account in range(3) if sum(job.account_id == account for job in self.flying) >= 2}
        waiting = [job.due for job in jobs if not job.in_flight and job.account_id not in full]
        assert queue.next_due() == min(waiting, default=None)

    @invariant()
    def the_heaps_have_an_entry_for_each_waiting_job_and_each_account_that_may_start_one(self) -> None:
        for account_id, account in self.queue._accounts.items():
            waiting = [job for job in self.held.values() if job.account_id == account_id and not job.in_flight]
            assert {(job.due, job.id) for job in waiting} <= set(account.heap)
            if waiting and account.in_flight < 2:
                assert account.entry_at <= min(job.due for job in waiting)
                assert (account.entry_at, account_id) in self.queue._account_heap

    @invariant()
    def no_job_is_requested_twice_within_an_interval(self) -> None:
        for times in self.requests.values():
            for place, (at, early) in enumerate(times):
                if early:
                    looks = [then for then, was_early in times[: place + 1] if was_early and at - then < 20]
                    assert len(looks) <= len(EARLY_LOOKS)
                elif place:
                    assert at - times[place - 1][0] >= 20 - 1e-6

    @invariant()
    def one_report_has_a_job_requested_early_a_few_times_whatever_comes_of_it(self) -> None:
        assert all(looks <= len(EARLY_LOOKS) for looks in self.looks.values())


TestAnyEvents = AnyEvents.TestCase
TestAnyEvents.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


def test_a_job_that_leaves_makes_room_for_the_next_of_its_account() -> None:
    queue = _Queue(per_account=1)
    first = _started(queue, 1)
    second = queue.with_job(2)
    assert queue.next_due() is None
    queue.ended(first)
    assert queue.next_due() == second.due


def test_a_due_job_is_late_after_an_interval_and_counts_until_it_waits_again() -> None:
    queue = _Queue()
    early = [queue.with_job(number) for number in range(2)]
    queue.later(30)
    queue.with_job(2)
    queue.later(20.9)
    polls = queue.polls()
    assert (polls.jobs, polls.due, polls.late) == (3, 3, 2)
    assert polls.longest == pytest.approx(30.9, abs=0.5)
    queue.start(early[0])
    assert queue.polls().due == 3
    queue.still_running(early[0])
    assert (queue.polls().due, queue.polls().late) == (2, 1)
    assert _Queue().polls() == Polls(0, 0, 0, 0.0)


@pytest.mark.parametrize("until", [60.0, -60.0])
def test_moving_jobs_does_not_grow_the_heaps(until: float) -> None:
    queue = _Queue()
    jobs = [queue.with_job(number, number % 2) for number in range(10)]
    for turn in range(1000):
        for job in jobs:
            queue.defer(job, queue.clock.monotonic() + until * turn)
    assert sum(len(account.heap) for account in queue._accounts.values()) <= 200
    assert len(queue._account_heap) <= 100


def test_a_job_that_just_left_keeps_its_last_request_time_for_a_while() -> None:
    queue = _Queue()
    job = queue.with_job(1)
    queue.report_end(1)
    queue.start(job)
    queue.record_requested(job)
    queue.still_running(job)
    queue.remove(1)
    again = queue.with_job(1)
    assert again is not job
    assert (
        (again.record_requested_at, again.early_looks) == (job.record_requested_at, job.early_looks) == (50.0, (50.0,))
    )
    queue.remove(1)
    for number in range(2, 1000):
        queue.later(1)
        queue.with_job(number, number)
        queue.remove(number)
    assert len(queue._gone) <= 21
    assert not queue._accounts


def test_a_job_that_returns_while_in_flight_is_still_in_flight() -> None:
    queue = _Queue()
    job = _started(queue, 1)
    queue.remove(1)
    assert queue.with_job(1) is job
    assert queue.contains(job)
    assert not queue.waits(job)
    queue.remove(1)
    assert queue.with_job(1, 2) is not job  # The job now belongs to another account.


def test_a_job_removed_in_flight_is_gone_when_its_request_is_over() -> None:
    queue = _Queue()
    job = _started(queue, 1)
    queue.remove(1)
    queue.still_running(job)
    assert queue.get(1) is None
    assert not queue.in_flight
    assert queue.of_account(1) == 0
