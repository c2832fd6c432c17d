"""How much the simulation sees: each mutation of `tests/mutations` is lived with, until a law is broken.

`python -m tests.simulation.power [WORD …]`: all that concern behaviour, or those with such a word in their name.
EVERY=7 takes every seventh of them, LIVES=8 says after how many lives one is given up.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.mutation import Mutation, MutationOutdated
from tests.mutations.product import Product
from tests.mutations.tree import ROOT, copy_tree
from tests.simulation.children import Child

_ROOMS = ("relay/", "discord_adapter/", "cogs/", "storage/", "pixverse/", "ui/")
"""The others are about starting, settings, logs, HTTP ports and the sandbox, which a life does not show."""


def chosen(words: Sequence[str], every: int, product: Product) -> list[Mutation]:
    """Those that are tried; raises MutationOutdated."""
    mutations = [mutation for mutation in MUTATIONS if mutation.edits[0].located(product)[0].startswith(_ROOMS)]
    return [mutation for mutation in mutations if not words or any(word in mutation.name for word in words)][::every]


def found_after(mutation: Mutation, product: Product, lives: int) -> tuple[int, str] | None:
    """After how many lives a law is broken, and which; None where none is. Raises MutationOutdated."""
    with tempfile.TemporaryDirectory(prefix="power-") as folder:
        tree = copy_tree(Path(folder) / "tree")
        mutation.apply(product, tree)
        with Child(small=True, tree=tree) as child:
            for seed in range(1, lives + 1):
                broken = child.live(seed).broken
                if broken:
                    return seed, broken[0]
    return None


def main(words: Sequence[str]) -> int:
    """Prints what became of each; returns the exit code, 0."""
    product = Product(ROOT)
    mutations = chosen(words, int(os.environ.get("EVERY", "1")), product)
    lives = int(os.environ.get("LIVES", "8"))
    seen = 0

    def look(mutation: Mutation) -> str:
        nonlocal seen
        try:
            found = found_after(mutation, product, lives)
        except MutationOutdated as error:
            return f"outdated    {mutation.name}: {error}"
        if found is None:
            return f"not seen    {mutation.name}"
        seen += 1
        return f"life {found[0]:2}     {mutation.name} -> {found[1][:160]}"

    with ThreadPoolExecutor(int(os.environ.get("WORKERS", os.cpu_count() or 1))) as pool:
        for line in pool.map(look, mutations):
            print(line, flush=True)
    print(f"{seen} of {len(mutations)} mutations seen within {lives} lives")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
