"""Whether the list of what no life shows names mutations that there are."""

from __future__ import annotations

from collections import Counter

from tests.mutations.catalogue import MUTATIONS
from tests.simulation.unseen import UNSEEN


def test_what_is_not_seen_is_a_mutation_and_stands_there_once() -> None:
    named = Counter(name for names in UNSEEN.values() for name in names)
    assert set(named) <= {mutation.name for mutation in MUTATIONS}
    assert set(named.values()) == {1}
