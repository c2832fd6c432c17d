"""How much the simulation sees: each mutation of `tests/mutations` is lived with, until a law is broken.

`python -m tests.simulation.power [WORD …]`: all that concern behaviour, or those with such a word in their name.
SAMPLE=50 takes so many of them, the same each time; LIVES=8 says after how many lives of scenes one is given up (and a
quarter as many small lives).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutation import Mutation, MutationOutdated
from tests.mutations.product import Product
from tests.mutations.tree import ROOT, copy_tree
from tests.simulation.children import Child
from tests.simulation.unseen import UNSEEN

_SAMPLING = 1
_ROOMS = ("relay/", "discord_adapter/", "cogs/", "storage/", "pixverse/", "ui/")
"""The others are about starting, settings, logs, HTTP ports and the sandbox, which a life does not show."""


def chosen(words: Sequence[str], most: int | None, product: Product) -> list[Mutation]:
    """Those that are tried; raises MutationOutdated."""
    unseen = {name for names in UNSEEN.values() for name in names}
    mutations = [
        mutation
        for mutation in MUTATIONS
        if mutation.name not in unseen and mutation.edits[0].located(product)[0].startswith(_ROOMS)
    ]
    named = [mutation for mutation in mutations if not words or any(word in mutation.name for word in words)]
    Random(_SAMPLING).shuffle(named)
    return named[:most]


def found_by(mutation: Mutation, product: Product, lives: int) -> tuple[str, str] | None:
    """The life in which a law is broken, and which; None where none is. Raises MutationOutdated."""
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        tree = copy_tree(Path(folder) / "tree")
        mutation.apply(product, tree)
        for kind, count in (("scenes", lives), ("small", max(1, lives // 4))):
            with Child(kind, tree=tree) as child:
                for seed in range(count):
                    broken = child.live(seed).broken
                    if broken:
                        return f"{kind} {seed}", broken[0]
    return None


def main(words: Sequence[str]) -> int:
    """Prints what became of each; returns the exit code, 0."""
    product = Product(ROOT)
    most = os.environ.get("SAMPLE")
    mutations = chosen(words, int(most) if most else None, product)
    lives = int(os.environ.get("LIVES", "8"))
    seen = 0

    def look(mutation: Mutation) -> str:
        nonlocal seen
        try:
            found = found_by(mutation, product, lives)
        except MutationOutdated as error:
            return f"outdated    {mutation.name}: {error}"
        if found is None:
            return f"not seen    {mutation.name}"
        seen += 1
        return f"{found[0]:11} {mutation.name} -> {found[1][:160]}"

    with ThreadPoolExecutor(int(os.environ.get("WORKERS", os.cpu_count() or 1))) as pool:
        for line in pool.map(look, mutations):
            print(line, flush=True)
    print(f"{seen} of {len(mutations)} mutations seen within {lives} lives")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
