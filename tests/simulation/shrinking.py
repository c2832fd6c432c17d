"""Makes a life that breaks a law smaller: leaves out scenes, faults and acts as long as it breaks the same law."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.simulation.lives import ran
from tests.simulation.plan import Plan
from tests.simulation.simulated_world import SimulatedWorld

_NUMBERS = re.compile(r"\d+(?:\.\d+)?")


def smallest(world: SimulatedWorld, tries: int) -> SimulatedWorld:
    """The smallest life found within `tries` tries."""
    expected = _kind(world)
    parts = 2
    while tries > 0:
        for plan in _smaller(world.plan, parts):
            tries -= 1
            other = ran(plan)
            if other.ledger.broken and _kind(other) == expected:
                world = other
                parts = max(2, parts - 1)
                break
            if tries <= 0:
                return world
        else:
            if parts >= max(len(world.plan.acts), len(world.plan.faults)):
                return world
            parts *= 2
    return world


def _kind(world: SimulatedWorld) -> str:
    """The beginning of the first broken law, without numbers."""
    return _NUMBERS.sub("", world.ledger.broken[0])[:40]


def _smaller(plan: Plan, parts: int) -> Iterator[Plan]:
    """The plan without each of `parts` parts of its scenes, then of its faults and acts."""
    for name in ("scenes", "faults", "acts"):
        entries = getattr(plan, name)
        size = -(-len(entries) // parts)
        for start in range(0, len(entries), size) if size else ():
            yield plan.smaller(**{name: entries[:start] + entries[start + size :]})
