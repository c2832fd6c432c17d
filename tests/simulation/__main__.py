"""`make simulate`: lives of many seeds, and the story of the first life that breaks a law, made as small as possible.

SEED=7 make simulate shows one life. SEEDS=50 runs the seeds 1 to 50, MINUTES=10 fresh seeds for ten minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count
from threading import Lock, Thread

from tests.simulation.children import KINDS, Child, child_environment, draws
from tests.simulation.lives import Life, ran
from tests.simulation.scenes import SCENES
from tests.simulation.shrinking import smallest

_TRIES = 80


def main() -> int:
    """Returns the exit code: 1 if a law was broken."""
    options = _options()
    if options.seed is not None:
        return _tell(options.seed, kind=options.kind)
    if options.minutes:
        return _many(count(int(time.time()) * 1000), time.monotonic() + options.minutes * 60, kind=options.kind)
    return _many(iter(range(1, options.seeds + 1)), None, kind=options.kind)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="one life, with its story")
    parser.add_argument("--seeds", type=int, default=20, help="the first so many seeds")
    parser.add_argument(
        "--kind",
        choices=(*KINDS, *SCENES),
        metavar="KIND",
        default="large",
        help=f"{', '.join(KINDS)}, or a scene's name",
    )
    parser.add_argument("--minutes", type=float, default=0.0, help="fresh seeds for so long")
    return parser.parse_args()


class _Tally:
    """The totals of all lives."""

    def __init__(self) -> None:
        self.total: Counter[str] = Counter()
        self.broken: list[Life] = []
        self._lock = Lock()

    def add(self, life: Life) -> None:
        with self._lock:
            self.total.update({**life.counts, "lives": 1, "broken": len(life.broken)})
            if life.broken:
                self.broken.append(life)
                print(f"seed {life.seed} breaks a law: {life.broken[0]}", flush=True)


def _many(seeds: Iterator[int], until: float | None, *, kind: str) -> int:
    begun = time.monotonic()
    tally, lock = _Tally(), Lock()

    def work() -> None:
        with Child(kind) as child:
            while until is None or time.monotonic() < until:
                with lock:
                    seed = next(seeds, None)
                if seed is None:
                    return
                tally.add(child.live(seed))

    workers = [Thread(target=work) for _ in range(os.cpu_count() or 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    total = tally.total
    print(
        f"{total['lives']} lives, {total['steps']:,} steps, {total['faults']} faults, "
        f"{total['restarts']} restarts, {total['requests']:,} requests to the API, {total['outcomes']} results, "
        f"{total['broken']} laws broken, in {time.monotonic() - begun:.0f} s"
    )
    if not tally.broken:
        return 0
    _tell(tally.broken[0].seed, kind=kind)
    return 1


def _tell(seed: int, *, kind: str) -> int:
    """Prints the story of one seed's life. If it breaks a law, of the smallest life that breaks the same law."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        command = [sys.executable, "-m", "tests.simulation", "--seed", str(seed), "--kind", kind]
        return subprocess.run(command, env=child_environment(), check=False).returncode
    world = ran(draws(kind)(seed))
    if not world.ledger.broken:
        print("\n".join(world.story))
        print(f"seed {seed}: no law is broken; {dict(world.ledger.counts)}")
        return 0
    print(f"seed {seed} breaks {len(world.ledger.broken)} laws; making it smaller …", flush=True)
    world = smallest(world, tries=_TRIES)
    print("\n".join(world.story))
    print(f"\n{len(world.plan.acts)} acts, {len(world.plan.faults)} faults, {world.plan.guilds} servers:")
    for law in world.ledger.broken:
        print(f"  broken at {law}")
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Skips the clean-up, which would run code of the killed processes.
    os._exit(code)
