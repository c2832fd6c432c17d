"""A life from its plan to what is left of it: counts, the laws that it broke, and a mark of its story."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from dataclasses import dataclass

from tests.simulation.plan import Plan
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Life:
    """What is told of a life by another process."""

    seed: int
    counts: Counter[str]
    broken: list[str]
    story: str
    """A hash of it: the same for the same life."""

    def as_line(self) -> str:
        return json.dumps({"seed": self.seed, "counts": self.counts, "broken": self.broken, "story": self.story})

    @classmethod
    def of_line(cls, line: str) -> Life:
        told = json.loads(line)
        return cls(told["seed"], Counter(told["counts"]), told["broken"], told["story"])


def ran(plan: Plan, *, until_broken: bool = False) -> World:
    """The world after the whole life, or after the first law that is broken.

    Its process must have PYTHONHASHSEED=0, or the life is another one each time.
    """
    logging.getLogger().handlers[:] = []
    logging.lastResort = None
    world = World(plan)
    world.live(until_broken=until_broken)
    return world


def live(plan: Plan, *, until_broken: bool = False) -> Life:
    """Lives it, and tells what came of it."""
    world = ran(plan, until_broken=until_broken)
    counts = Counter(world.ledger.counts)
    counts["steps"] = world.machine.steps
    counts["restarts"] = world.machine.life - 1
    counts["requests"] = len(world.pixverse.asked)
    story = hashlib.sha256("\n".join(world.story).encode()).hexdigest()
    return Life(plan.seed, counts, world.ledger.broken, story)
