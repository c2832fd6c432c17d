"""Each account has one process that should hold it, and few accounts move when processes come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.cluster.account_shares import accounts_of, process_for

accounts = st.frozensets(st.integers(1, 10_000), max_size=50)
processes = st.frozensets(st.text("abcdef0123456789", min_size=4, max_size=8), min_size=1, max_size=6)


@given(accounts, processes)
def test_each_account_has_one_process(known: frozenset[int], alive: frozenset[str]) -> None:
    shares = [accounts_of(process, known, alive) for process in alive]
    assert frozenset().union(*shares) == known
    assert sum(map(len, shares)) == len(known)


@given(accounts, processes, st.data())
def test_only_the_accounts_of_a_process_that_is_gone_move(
    known: frozenset[int], alive: frozenset[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(alive)))
    left = alive - {gone}
    moved = {account for account in known if left and process_for(account, left) != process_for(account, alive)}
    assert moved == (accounts_of(gone, known, alive) if left else set())


@given(accounts, processes)
def test_a_dead_process_should_hold_nothing(known: frozenset[int], alive: frozenset[str]) -> None:
    assert accounts_of("zz", known, alive) == frozenset()


def test_the_shares_are_about_equal() -> None:
    shares = [len(accounts_of(process, frozenset(range(3000)), frozenset("abc"))) for process in "abc"]
    assert all(900 <= share <= 1100 for share in shares)
