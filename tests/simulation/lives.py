"""Runs a life from its plan to its result: counts, broken laws, and a hash of the story."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass

from tests.simulation.library_seams import read_catalogues_once
from tests.simulation.plan import Plan
from tests.simulation.simulated_world import SimulatedWorld


@dataclass(frozen=True, slots=True)
class Life:
    """The result of a life, in a form that can be sent to another process."""

    seed: int
    counts: Counter[str]
    broken: list[str]
    story: str
    """A hash of the story: equal for equal lives."""

    def as_line(self) -> str:
        return json.dumps({"seed": self.seed, "counts": self.counts, "broken": self.broken, "story": self.story})

    @classmethod
    def of_line(cls, line: str) -> Life:
        fields = json.loads(line)
        return cls(fields["seed"], Counter(fields["counts"]), fields["broken"], fields["story"])


def ran(plan: Plan, *, until_broken: bool = False) -> SimulatedWorld:
    """Runs a whole life, or until the first broken law, and returns its world.

    The process must have PYTHONHASHSEED=0; otherwise each run is a different life.
    """
    logging.getLogger().handlers[:] = []
    logging.lastResort = None
    read_catalogues_once()
    world = SimulatedWorld(plan)
    world.live(until_broken=until_broken)
    return world


def live(plan: Plan, *, until_broken: bool = False) -> Life:
    """Runs a life and returns its result."""
    world = ran(plan, until_broken=until_broken)
    counts = Counter(world.ledger.counts)
    counts["steps"] = world.machine.steps
    counts["restarts"] = world.machine.life - 1
    counts["requests"] = len(world.pixverse.requests)
    story = hashlib.sha256("\n".join(world.story).encode()).hexdigest()
    return Life(plan.seed, counts, world.ledger.broken, story)
