"""Measures how much the simulation sees: runs lives with each mutation of `tests/mutations` until a law is broken.

`python -m tests.simulation.power [WORD …]`: all mutations that concern behaviour, or those with one of the words in
their name. A mutation in `seen.py` is tried in the scene that it is listed under. The others are tried in LIVES=4 lives
of scenes; four play every scene once.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutation import Mutation, MutationOutdated
from tests.mutations.product import Product
from tests.mutations.tree import ROOT, copy_tree
from tests.simulation.children import Child
from tests.simulation.seen import SEEN
from tests.simulation.unseen import UNSEEN

_VARIANTS = 4
"""In how many variants a scene is played, until a law is broken."""
_PACKAGES = ("relay/", "discord_adapter/", "cogs/", "storage/", "pixverse/", "ui/")
"""The other folders are about starting, settings, logs, HTTP ports and the sandbox, which a life doesn't show."""
_SEVERAL_PROCESSES = (
    "relay/cluster/",
    "storage/engines/postgres/",
    "storage/engines/copy_source_and_target.py",
    "storage/committed_changes.py",
    "storage/copying.py",
    "storage/processes.py",
    "discord_adapter/shard_coordinator.py",
)
"""Mutations of PostgreSQL and of processes that share it. A life has one process, on SQLite."""


def concerning_behaviour(product: Product) -> list[Mutation]:
    """The mutations that a life could show.

    Raises MutationOutdated.
    """
    unseen = {name for names in UNSEEN.values() for name in names}

    def is_lived(mutation: Mutation) -> bool:
        file, _ = mutation.edits[0].located(product)
        return file.startswith(_PACKAGES) and not file.startswith(_SEVERAL_PROCESSES)

    return [mutation for mutation in MUTATIONS if mutation.name not in unseen and is_lived(mutation)]


def found_by(mutation: Mutation, product: Product, lives: int) -> tuple[str, str] | None:
    """The life that broke a law, and the law; None if no law was broken.

    Raises MutationOutdated.
    """
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        tree = copy_tree(Path(folder) / "tree")
        mutation.apply(product, tree)
        for kind, count in _to_live(mutation.name, lives):
            with Child(kind, tree=tree, until_broken=True) as child:
                for seed in range(count):
                    broken = child.live(seed).broken
                    if broken:
                        return f"{kind} {seed}", broken[0]
    return None


def _to_live(name: str, lives: int) -> Iterator[tuple[str, int]]:
    """The kinds of lives to run, and how many of each."""
    scene = next((scene for scene, names in SEEN.items() if name in names), None)
    if scene is None:
        yield "scenes", lives
    else:
        yield scene, _VARIANTS


def main(words: Sequence[str]) -> int:
    """Prints the result for each mutation. Returns the exit code: 1 if a mutation in `seen.py` wasn't seen."""
    product = Product(ROOT)
    mutations = [
        mutation
        for mutation in concerning_behaviour(product)
        if not words or any(word in mutation.name for word in words)
    ]
    lives = int(os.environ.get("LIVES", "4"))
    known = {name for names in SEEN.values() for name in names}
    seen: set[str] = set()

    def look(mutation: Mutation) -> str:
        try:
            found = found_by(mutation, product, lives)
        except MutationOutdated as error:
            return f"outdated    {mutation.name}: {error}"
        if found is None:
            return f"not seen    {mutation.name}"
        seen.add(mutation.name)
        return f"{found[0]:11} {mutation.name} -> {found[1][:160]}"

    with ThreadPoolExecutor(int(os.environ.get("WORKERS", os.cpu_count() or 1))) as pool:
        for line in pool.map(look, mutations):
            print(line, flush=True)
    print(f"{len(seen)} of {len(mutations)} mutations are seen")
    return 1 if known & {mutation.name for mutation in mutations} - seen else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
