"""`python -m benchmarks [--smoke] [--out FOLDER] [NAME …]`: runs the benchmarks, or those named."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from benchmarks import capacity, commands, growth, idle, learning, many_jobs, media, outcomes, polls, questions
from benchmarks.plots import draw
from benchmarks.report import machine, save, table
from benchmarks.results import Result, Row
from benchmarks.sizes import FULL, SMOKE, Sizes

BENCHMARKS: dict[str, Callable[[Sizes], Coroutine[None, None, Result]]] = {
    "polls": polls.run,
    "capacity": capacity.run,
    "many_jobs": many_jobs.run,
    "questions": questions.run,
    "commands": commands.run,
    "outcomes": outcomes.run,
    "media": media.run,
    "idle": idle.run,
    "growth": growth.run,
    "learning": learning.run,
}


def main() -> int:
    """Returns the exit code: 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--smoke", action="store_true", help="whether they still work; judges nothing")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for JSON and SVG")
    given = parser.parse_args()
    rows = _play(given.names or list(BENCHMARKS), SMOKE if given.smoke else FULL, given.out)
    print(f"\n{table(rows)}")
    return 0


def _play(names: list[str], sizes: Sizes, out: Path) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        described, began = machine(), time.monotonic()
        print(f"\n{name}: {described}", flush=True)
        result = asyncio.run(BENCHMARKS[name](sizes))
        rows += result.rows
        save(name, result.rows, described, out / "results.json")
        for curve in result.curves:
            draw(curve, out)
        print(f"{time.monotonic() - began:.0f} s", flush=True)
        for row in result.rows:
            print(f"  {row.what}: {row.figure.median:.3g}{row.unit}  {row.notes}", flush=True)
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
