from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.allowances import (
    PER_ACCOUNT,
    PER_PERSON,
    TOKEN_TRIALS,
    Allowances,
    Buckets,
    CommandRate,
    Refill,
)
from relay.commands.refusals import TooFast
from tests.clock import ManualClock

ACCOUNT, PERSON = 1, 1000

_MOVES = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 25), st.floats(0, 30)),
    max_size=60,
)
"""A person, the requests that they want, and the seconds until the next one."""


@given(_MOVES)
def test_never_more_than_the_burst_plus_the_rate_times_the_time(moves: list[tuple[int, int, float]]) -> None:
    clock = ManualClock()
    allowances, began = Allowances(clock), clock.monotonic()
    taken: list[tuple[float, int, int]] = []
    for person, requests, pause in moves:
        try:
            allowances.take(ACCOUNT, person, requests)
        except TooFast as used_up:
            assert used_up.until > clock.now()
        else:
            taken.append((clock.monotonic(), person, requests))
        clock.move_to(clock.monotonic() + pause)
    for start in [began, *(at for at, _, _ in taken)]:
        for end in [at for at, _, _ in taken if at >= start]:
            within = [one for one in taken if start <= one[0] <= end]
            most = PER_ACCOUNT.burst + PER_ACCOUNT.per_second * (end - start)
            assert sum(requests for _, _, requests in within) <= most + 1e-3
            for person in {person for _, person, _ in within}:
                own = sum(requests for _, one, requests in within if one == person)
                assert own <= PER_PERSON.burst + PER_PERSON.per_second * (end - start) + 1e-3


@given(st.lists(st.integers(1, 25), max_size=30), st.integers(1, 25))
def test_waiting_for_the_stated_time_is_enough(before: list[int], wanted: int) -> None:
    clock = ManualClock()
    allowances = Allowances(clock)
    for requests in before:
        try:
            allowances.take(ACCOUNT, PERSON, requests)
        except TooFast:
            continue
    try:
        allowances.take(ACCOUNT, PERSON, wanted)
    except TooFast as used_up:
        wait = (used_up.until - clock.now()) / 1000
        assert wait <= wanted / PER_PERSON.per_second
        clock.move_to(clock.monotonic() + wait)
        allowances.take(ACCOUNT, PERSON, wanted)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_one_person_never_makes_another_wait(pauses: list[float]) -> None:
    clock = ManualClock()
    allowances = Allowances(clock)
    for pause in pauses:
        clock.move_to(clock.monotonic() + pause)
        for requests in (25, 5, 1):
            try:
                allowances.take(ACCOUNT, PERSON, requests)
            except TooFast:
                continue
    allowances.take(ACCOUNT, PERSON + 1, 25)


@pytest.mark.parametrize("greedy", [4, 12])
def test_people_who_use_all_they_may_make_nobody_else_wait(greedy: int) -> None:
    clock = ManualClock()
    allowances = Allowances(clock)

    def take(person: int, requests: int) -> bool:
        try:
            allowances.take(ACCOUNT, person, requests)
        except TooFast:
            return False
        return True

    served = 0
    for second in range(600):
        for person in range(greedy):
            while take(person, 25) or take(person, 1):
                pass
        if second >= 60 and second % 60 == 0:
            served += sum(take(PERSON + one, 1) for one in range(10))
        clock.move_to(clock.monotonic() + 1)
    assert served == 90


def test_all_or_nothing_is_reserved_and_unused_requests_are_returned() -> None:
    clock = ManualClock()
    allowances = Allowances(clock)
    allowance = allowances.reserve(ACCOUNT, PERSON, 25)
    for _ in range(20):
        allowance.spend()
    allowance.close()
    with pytest.raises(TooFast):
        allowances.reserve(ACCOUNT, PERSON, 21)
    allowances.take(ACCOUNT, PERSON, 20)
    with pytest.raises(TooFast):
        allowance.spend()


def test_accounts_do_not_share() -> None:
    allowances = Allowances(ManualClock())
    allowances.take(ACCOUNT, PERSON, PER_PERSON.burst)
    allowances.take(ACCOUNT + 1, PERSON, PER_PERSON.burst)


def test_token_trials_are_limited_per_person_and_per_server() -> None:
    allowances = Allowances(ManualClock())
    for guild_id in range(TOKEN_TRIALS.burst):
        allowances.take_token_trial(guild_id, PERSON)
    with pytest.raises(TooFast):
        allowances.take_token_trial(500, PERSON)
    for person in range(TOKEN_TRIALS.burst):
        allowances.take_token_trial(600, person)
    with pytest.raises(TooFast):
        allowances.take_token_trial(600, 700)
    allowances.take_token_trial(601, 700)


def test_full_buckets_are_forgotten_and_their_number_is_bounded() -> None:
    clock = ManualClock()
    buckets: Buckets[int] = Buckets(clock, Refill(burst=2, per_second=1.0), max_keys=50)
    for key in range(1000):
        buckets.take(key)
        assert len(buckets) <= 51
    clock.move_to(clock.monotonic() + 10)
    for key in range(1000, 1060):
        buckets.take(key)
    clock.move_to(clock.monotonic() + 10)
    for key in range(60):
        buckets.take(key)
        clock.move_to(clock.monotonic() + 2)
    assert len(buckets) <= 5


def test_a_bucket_is_refilled_once_the_wait_that_it_named_is_over() -> None:
    clock = ManualClock(seconds=98765.4321)  # From here, a third of a second is a little less in binary.
    buckets: Buckets[int] = Buckets(clock, Refill(burst=2, per_second=3.0))
    buckets.take(PERSON)
    clock.move_to(clock.monotonic() + buckets.wait(PERSON, 2))
    assert buckets.wait(PERSON, 2) == 0


def test_returned_requests_do_not_count_as_use() -> None:
    allowances = Allowances(ManualClock())
    allowances.reserve(ACCOUNT, PERSON, 10).close()
    for other in range(2, 5):
        allowances.take(ACCOUNT, other, 26)  # All but what is kept back of the account's.
    allowances.take(ACCOUNT, PERSON, 10)


# ---- commands in a minute -------------------------------------------------------------------------------------------


def test_sixty_seconds_allow_the_limit_and_not_one_more() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 3)
    for _ in range(3):
        rate.use(1)
        clock.move_to(clock.monotonic() + 10)
    with pytest.raises(TooFast) as refusal:
        rate.use(1)
    assert refusal.value.until == clock.now() + 30_000
    clock.move_to(clock.monotonic() + 30)
    rate.use(1)


def test_refused_uses_are_not_counted_and_others_are_unaffected() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    rate.use(1)
    for _ in range(5):
        with pytest.raises(TooFast):
            rate.use(1)
    rate.use(2)
    clock.move_to(clock.monotonic() + 60)
    rate.use(1)


def test_a_jumping_clock_changes_nothing() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    rate.use(1)
    clock.jumped = 3_600_000
    with pytest.raises(TooFast):
        rate.use(1)


def test_people_who_are_gone_are_forgotten() -> None:
    clock = ManualClock()
    rate = CommandRate(clock, 1)
    for user_id in range(100):
        rate.use(user_id)
    clock.move_to(clock.monotonic() + 61)
    for user_id in range(1000, 1060):
        rate.use(user_id)
    assert len(rate._used) <= 60
