"""Plans what the nemesis does and when: a pure function of the seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

KINDS = {
    "kill": (0.0, 12.0),
    "stop": (0.0, 6.0),
    "replace": (0.0, 0.0),
    "pause": (1.0, 8.0),
    "halt": (16.0, 24.0),
    "end connections": (0.0, 0.0),
    "cut connections": (0.0, 0.0),
    "hang connections": (3.0, 22.0),
    "restart postgres": (0.0, 0.0),
    "postgres away": (1.0, 6.0),
    "cut gateway": (0.0, 0.0),
    "reconnect gateway": (0.0, 0.0),
    "lose answers of posts": (0.0, 0.0),
    "api away": (1.0, 4.0),
    "clock off": (0.0, 2.0),
}
"""Each kind of fault, and its least and greatest number of seconds."""
_BETWEEN_S = (0.6, 3.0)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        after_s: Seconds after the previous fault.
        seconds: How long it lasts, or until a bot that was ended is started again.
        victim: Which of the running bots it affects, as a share of them.
    """

    after_s: float
    kind: str
    seconds: float
    victim: float


def plan(seed: int, phase: int, seconds: float) -> list[Fault]:
    """The faults of one phase, which begin within this many seconds. Each kind occurs once before any occurs again."""
    chance = Random(f"{seed}:{phase}")
    faults: list[Fault] = []
    left: list[str] = []
    at = 0.0
    while (at := at + (wait := chance.uniform(*_BETWEEN_S))) < seconds:
        if not left:
            left = chance.sample(sorted(KINDS), len(KINDS))
        kind = left.pop()
        faults.append(Fault(wait, kind, chance.uniform(*KINDS[kind]), chance.random()))
    return faults
