"""Some known lives at each run of the suite. Those that nobody has seen before are for `make simulate` and `make soak`:
what they find is seldom the fault of the change that is being tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.children import Child
from tests.simulation.lives import Life

FIXED = range(1, 7)
ONCE_BROKEN: tuple[int, ...] = ()
"""Small lives that broke a law once, and why they did: what was mended then stays so."""


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    with Child(small=True) as made:
        yield made


def _keeps_every_law(life: Life) -> None:
    assert life.broken == [], f"make simulate ARGS=--small SEED={life.seed} tells the story"
    assert life.counts["promises"] > 10
    assert life.counts["outcomes"] > 10


@pytest.mark.parametrize("seed", [*FIXED, *ONCE_BROKEN])
def test_a_known_life_breaks_no_law(child: Child, seed: int) -> None:
    _keeps_every_law(child.live(seed))


def test_a_seed_is_the_same_story_each_time(child: Child) -> None:
    with Child(small=True) as other:
        assert child.live(8).story == other.live(8).story
