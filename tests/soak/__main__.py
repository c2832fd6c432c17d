"""`python -m tests.soak`: SEED repeats a run, SOAK_SECONDS and SOAK_KILLS limit it."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import tempfile
import time
from pathlib import Path

from tests.e2e.harness import Harness
from tests.e2e.process import copy_program
from tests.soak.counting import Count, count
from tests.soak.feeding import Feeding
from tests.soak.lives import Lives
from tests.soak.soak_channels import build_channels

_SETTINGS = {
    "POLL_INTERVAL": "0.4",
    "COMMANDS_PER_MINUTE": "100000",
    "MAX_OPEN_PER_USER": "100000",
    "MAX_OPEN_PER_SERVER": "100000",
}
_COUNT_EVERY = 25
_LEFT_TO_SETTLE = 60.0
"""The most seconds that the end of a run takes."""


async def soak(folder: Path, seed: int, seconds: float, kills: int) -> int:
    """Kills the bot this often, or for this long. Returns the exit code."""
    started = time.monotonic()
    harness = await Harness.build(copy_program(folder / "bot"), folder, _SETTINGS)
    try:
        await harness.start()
        targets = await build_channels(harness)
        await harness.kill()
        feeding = Feeding(harness, targets)
        lives = Lives(harness, feeding, seed)
        result = Count()
        number = 0
        while number < kills and time.monotonic() - started < seconds - _LEFT_TO_SETTLE and not result.lines:
            number += 1
            await lives.live_and_die(number)
            if number % _COUNT_EVERY == 0:
                await lives.settle()
                result = count(harness, feeding, targets)
                print(f"{time.monotonic() - started:4.0f} s: {_figures(lives, feeding, result)}", flush=True)
                await harness.kill()
        if not result.lines:
            await lives.settle()
            result = count(harness, feeding, targets)
    finally:
        await harness.close()
    _tell(harness, lives, result)
    print(f"seed {seed}, {time.monotonic() - started:.0f} s: {_figures(lives, feeding, result)}")
    return 1 if result.lines else 0


def _figures(lives: Lives, feeding: Feeding, result: Count) -> str:
    faults = ", ".join(f"{result.faults[kind]} {kind}" for kind in ("lost", "doubled"))
    others = "".join(f", {number} {kind}" for kind, number in result.faults.items() if kind not in ("lost", "doubled"))
    return (
        f"{lives.kills.total()} kills ({lives.forgotten} past Discord's memory), {len(feeding.jobs)} jobs, "
        f"{result.expected} outcomes to post, {result.posted} posted once, {result.unsure} where nobody can know, "
        f"{result.cards} cards; {faults}{others}"
    )


def _tell(harness: Harness, lives: Lives, result: Count) -> None:
    for name, number in sorted(lives.kills.items()):
        print(f"  {number:4} kills: {name}")
    for line in [*harness.bot.said(r" ERROR |^Traceback")[:20], *result.lines]:
        print(line)


def main() -> int:
    """Returns the exit code: 1 if an outcome was lost, doubled or wrong."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    seconds = float(os.environ.get("SOAK_SECONDS") or 600)
    kills = int(os.environ.get("SOAK_KILLS") or 220)
    # aiohttp's server logs an error for each client that is killed while it connects.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    print(f"SEED={seed} SOAK_SECONDS={seconds:.0f} SOAK_KILLS={kills}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return asyncio.run(soak(Path(folder), seed, seconds, kills))


if __name__ == "__main__":
    raise SystemExit(main())
