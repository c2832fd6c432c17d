"""`python -m tests.soak.load`: SEED repeats a run as far as timing allows, LOAD_STEADY_SECONDS lengthens it."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
import time
from pathlib import Path
from random import Random

from tests.e2e.harness import Harness
from tests.e2e.process import copy_program
from tests.soak.load.run import Run


async def load(folder: Path, seed: int, steady: float) -> int:
    """Runs the load test. Returns the exit code."""
    started = time.monotonic()
    harness = await Harness.build(copy_program(folder / "bot"), folder, {"POLL_INTERVAL": "10"})
    try:
        await harness.start()
        faults = await Run(harness, Random(seed), steady).play()
        faults += harness.bot.said(r" ERROR |^Traceback")[:20]
    finally:
        await harness.close()
    for fault in faults:
        print(f"NOT AS IT SHOULD BE: {fault}")
    print(f"seed {seed}, {time.monotonic() - started:.0f} s, {len(faults)} faults")
    return 1 if faults else 0


def main() -> int:
    """Returns the exit code: 1 if an outcome was lost or doubled, a reply came late, or memory grew."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    steady = float(os.environ.get("LOAD_STEADY_SECONDS") or 12)
    print(f"SEED={seed} LOAD_STEADY_SECONDS={steady:.0f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        return asyncio.run(load(Path(folder), seed, steady))


if __name__ == "__main__":
    raise SystemExit(main())
