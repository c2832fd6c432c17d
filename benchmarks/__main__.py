"""`python -m benchmarks [--smoke] [--rounds N] [--out FOLDER] [NAME …]`: runs all benchmarks, or the named ones."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    capacity,
    cluster,
    commands,
    engines,
    growth,
    idle,
    learning,
    many_jobs,
    media,
    outcomes,
    polls,
    requests,
    wrong_process,
)
from benchmarks.page import fill
from benchmarks.plots import draw
from benchmarks.report import machine, save, table
from benchmarks.results import Result, Row
from benchmarks.sizes import FULL, SMOKE, Sizes

BENCHMARKS: dict[str, Callable[[Sizes], Coroutine[None, None, Result]]] = {
    "polls": polls.run,
    "capacity": capacity.run,
    "many_jobs": many_jobs.run,
    "requests": requests.run,
    "commands": commands.run,
    "outcomes": outcomes.run,
    "media": media.run,
    "idle": idle.run,
    "growth": growth.run,
    "learning": learning.run,
    "engines": engines.run,
    "cluster": cluster.run,
    "wrong_process": wrong_process.run,
}


def main() -> int:
    """Returns the exit code: 0, whatever the figures are."""
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--smoke", action="store_true", help="whether they still work; judges nothing")
    parser.add_argument("--rounds", type=int, help="of each comparison")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="folder for JSON and SVG")
    parser.add_argument("--page", type=Path, help="a page into which the table of all kept results is put")
    given = parser.parse_args()
    sizes = SMOKE if given.smoke else FULL
    sizes = replace(sizes, rounds=given.rounds or sizes.rounds)
    rows = _play(given.names or list(BENCHMARKS), sizes, given.out)
    print(f"\n{table(rows)}")
    if given.page is not None:
        fill(given.page, given.out / "results.json")
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
