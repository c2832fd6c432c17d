"""`python -m tests.mutations [WORD …]`: every fault, or those with such a word in their name."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.catalogue import FAULTS
from tests.mutations.checks import FAILED, Ended, run_check, run_tests
from tests.mutations.mutation import IMPORT_RULES, Fault, FaultOutdated
from tests.mutations.tree import copy_tree

_CHECK_SECONDS = 120.0
_ALL_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a fault."""

    fault: Fault
    caught: bool
    said: str


async def try_all(faults: Sequence[Fault], folder: Path) -> int:
    """Tries every fault in a copy of its own, as many at once as there are processors; returns the exit code."""
    started = time.monotonic()
    unharmed = await _unharmed(faults, folder)
    if unharmed is not None:
        print(f"Without any fault a check fails already:\n{unharmed}")
        return 1
    slots = asyncio.Semaphore(os.cpu_count() or 1)

    async def within_slots(place: int, fault: Fault) -> Tried:
        async with slots:
            return await _try(fault, folder / str(place))

    missed = 0
    for ending in asyncio.as_completed([within_slots(place, fault) for place, fault in enumerate(faults)]):
        tried = await ending
        missed += not tried.caught
        print(f"{'caught' if tried.caught else 'MISSED'}  {tried.fault.name} -> {tried.said}", flush=True)
    print(f"{len(faults)} faults, {len(faults) - missed} caught, in {time.monotonic() - started:.0f} s")
    return 1 if missed else 0


async def _unharmed(faults: Sequence[Fault], folder: Path) -> str | None:
    """What fails in a copy without a fault."""
    tree = copy_tree(folder / "unharmed")
    names = sorted({fault.caught_by for fault in faults})
    tests = [name for name in names if name != IMPORT_RULES]
    endings = [await run_tests(tests, tree, _ALL_SECONDS)] if tests else []
    if IMPORT_RULES in names:
        endings.append(await run_check(IMPORT_RULES, tree, _CHECK_SECONDS))
    return next((ended.output for ended in endings if ended.code != 0), None)


async def _try(fault: Fault, tree: Path) -> Tried:
    copy_tree(tree)
    try:
        for edit in fault.edits:
            edit.apply(tree)
    except FaultOutdated as error:
        return Tried(fault, caught=False, said=f"the fault is outdated: {error}")
    ended = await run_check(fault.caught_by, tree, _CHECK_SECONDS)
    if ended.code == FAILED:
        return Tried(fault, caught=True, said=fault.caught_by)
    return Tried(fault, caught=False, said=f"{fault.caught_by} {_without_failing(ended)}")


def _without_failing(ended: Ended) -> str:
    if ended.code == 0:
        return "passes all the same"
    return f"did not get to try it (code {ended.code}):\n{ended.output[-2000:]}"


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 1 where a fault is not caught."""
    chosen = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        return asyncio.run(try_all(chosen, Path(folder)))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
