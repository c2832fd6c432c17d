"""Runs some known lives with the test suite. New lives are for `make simulate` and `make soak`: what they find is
seldom caused by the change that is being tested."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.children import Child
from tests.simulation.lives import Life

FIXED = (1,)
OF_SCENES = range(4)
"""Together they play every scene."""
ONCE_BROKEN: tuple[int, ...] = (9,)
"""Small lives that once broke a law, and why; they make sure that the fix stays.

9: a token in doubt was tried within the time to wait that the response for a record had named.
"""


@pytest.fixture(scope="module")
def small() -> Iterator[Child]:
    with Child("small") as made:
        yield made


@pytest.fixture(scope="module")
def scenes() -> Iterator[Child]:
    with Child("scenes") as made:
        yield made


def _keeps_every_law(life: Life) -> None:
    assert life.broken == [], f"make simulate SEED={life.seed} ARGS='--kind …' tells the story"
    assert life.counts["promises"] > 10
    assert life.counts["outcomes"] > 10


@pytest.mark.parametrize("seed", [*FIXED, *ONCE_BROKEN])
def test_a_known_life_breaks_no_law(small: Child, seed: int) -> None:
    _keeps_every_law(small.live(seed))


@pytest.mark.parametrize("seed", OF_SCENES)
def test_every_scene_ends_as_it_should(scenes: Child, seed: int) -> None:
    _keeps_every_law(scenes.live(seed))


def test_a_seed_is_the_same_story_each_time(small: Child) -> None:
    with Child("small") as other:
        assert small.live(2).story == other.live(2).story
