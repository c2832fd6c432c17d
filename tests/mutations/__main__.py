"""`python -m tests.mutations [WORD …]`: tries every mutation, or those with one of the words in their name."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.catalogue import MUTATIONS
from tests.mutations.checks import FAILED, Ended, run_check, run_tests
from tests.mutations.mutation import IMPORT_RULES, Mutation, MutationOutdated
from tests.mutations.product import Product
from tests.mutations.tree import copy_tree

_CHECK_SECONDS = 120.0
_ALL_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of a mutation."""

    mutation: Mutation
    caught: bool
    said: str


async def try_all(mutations: Sequence[Mutation], folder: Path) -> int:
    """Tries each mutation in its own copy, as many at once as there are processors. Returns the exit code."""
    started = time.monotonic()
    tree = copy_tree(folder / "unharmed")
    product = Product(tree)
    unharmed = await _unharmed(mutations, tree)
    if unharmed is not None:
        print(f"Without any mutation a check fails already:\n{unharmed}")
        return 1
    slots = asyncio.Semaphore(os.cpu_count() or 1)

    async def within_slots(place: int, mutation: Mutation) -> Tried:
        async with slots:
            return await _try(mutation, product, folder / str(place))

    missed = 0
    for ending in asyncio.as_completed([within_slots(place, mutation) for place, mutation in enumerate(mutations)]):
        tried = await ending
        missed += not tried.caught
        print(f"{'caught' if tried.caught else 'MISSED'}  {tried.mutation.name} -> {tried.said}", flush=True)
    print(f"{len(mutations)} mutations, {len(mutations) - missed} caught, in {time.monotonic() - started:.0f} s")
    return 1 if missed else 0


async def _unharmed(mutations: Sequence[Mutation], tree: Path) -> str | None:
    """The output of the tests that fail in a copy without a mutation; None if all pass."""
    names = sorted({mutation.caught_by for mutation in mutations})
    tests = [name for name in names if name != IMPORT_RULES]
    endings = [await run_tests(tests, tree, _ALL_SECONDS, workers=os.cpu_count() or 1)] if tests else []
    if IMPORT_RULES in names:
        endings.append(await run_check(IMPORT_RULES, tree, _CHECK_SECONDS))
    return next((ended.output for ended in endings if ended.code != 0), None)


async def _try(mutation: Mutation, product: Product, tree: Path) -> Tried:
    copy_tree(tree)
    try:
        mutation.apply(product, tree)
    except MutationOutdated as error:
        return Tried(mutation, caught=False, said=f"the mutation is outdated: {error}")
    ended = await run_check(mutation.caught_by, tree, _CHECK_SECONDS)
    if ended.code == FAILED:
        return Tried(mutation, caught=True, said=mutation.caught_by)
    return Tried(mutation, caught=False, said=f"{mutation.caught_by} {_without_failing(ended)}")


def _without_failing(ended: Ended) -> str:
    if ended.code == 0:
        return "passes all the same"
    return f"did not get to try it (code {ended.code}):\n{ended.output[-2000:]}"


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 1 if a mutation isn't caught."""
    chosen = [mutation for mutation in MUTATIONS if not words or any(word in mutation.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        return asyncio.run(try_all(chosen, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
