"""Short stories with a known end, each about something that happens too seldom in random lives.

A scene is a generator function that takes a `Scene`; the function's name is the scene's. Each play of a scene shows its
next variant.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.simulation.plan import Plan
from tests.simulation.scene import Scene, Story
from tests.simulation.scenes import (
    accounts,
    alerts,
    batches,
    cards,
    deliveries,
    ends,
    files,
    histories,
    languages,
    members,
    outages,
    places,
    questions,
    resending,
)

SCENES: dict[str, Callable[[Scene], Story]] = {
    f"{room.__name__.rpartition('.')[2]}.{name}": scene
    for room in (
        accounts,
        alerts,
        batches,
        cards,
        deliveries,
        ends,
        files,
        histories,
        languages,
        members,
        outages,
        places,
        questions,
        resending,
    )
    for name, scene in vars(room).items()
    if not name.startswith("_") and getattr(scene, "__module__", None) == room.__name__
}
_PARTS = 4


def draw_scenes(seed: int) -> Plan:
    """A life of a quarter of all scenes in random order, because one scene may affect the next. Four lives in a row
    play all of them."""
    random = Random(seed)
    names = sorted(SCENES)
    Random(seed // _PARTS).shuffle(names)
    return of_scenes(seed, random, names[seed % _PARTS :: _PARTS], seed // _PARTS)


def draw_alone(name: str, seed: int) -> Plan:
    """A life of this scene alone. Successive seeds play successive variants."""
    return of_scenes(seed, Random(seed), [name], seed)


def of_scenes(seed: int, random: Random, names: list[str], turn: int) -> Plan:
    """A life of these scenes, each in the variant whose turn it is."""
    return Plan(
        seed=seed,
        days=0.0,
        guilds=0,
        accounts=1,
        interval=random.choice((20, 20, 30, 60)),
        operator_token=random.random() < 0.5,
        acts=(),
        faults=(),
        scenes=tuple((name, turn << 32 | random.getrandbits(32)) for name in names),
    )
