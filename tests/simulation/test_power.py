"""Checks that the lists of seen and unseen mutations name only mutations and scenes that exist."""

from __future__ import annotations

from collections import Counter

from tests.mutations.catalogue import MUTATIONS
from tests.simulation.scenes import SCENES
from tests.simulation.seen import SEEN
from tests.simulation.unseen import UNSEEN


def test_each_mutation_is_one_and_stands_in_one_place() -> None:
    named = Counter(name for groups in (SEEN, UNSEEN) for names in groups.values() for name in names)
    assert set(named) <= {mutation.name for mutation in MUTATIONS}
    assert set(named.values()) == {1}


def test_what_is_seen_is_seen_in_a_scene() -> None:
    assert set(SEEN) <= set(SCENES)
