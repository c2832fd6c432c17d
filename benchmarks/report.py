"""Writes results as a table for people, and as JSON for comparing two runs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.results import Figure, Row


def table(rows: Sequence[Row]) -> str:
    """A Markdown table with aligned columns."""
    lines = [("what", "target", "figure", "spread", "reached", "made of")]
    lines += [
        (row.what, _target(row), _shown(row, row.figure.median), _spread(row), _reached(row), row.notes) for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    lines.insert(1, tuple("-" * width for width in widths))  # type: ignore[arg-type]  # as many as there are columns
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def machine() -> str:
    """One line about the machine that the figures were measured on."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return (
        f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}; load before: {load}"
    )


def save(name: str, rows: Sequence[Row], described: str, path: Path) -> None:
    """Writes one benchmark's results, with each round, to the file that has the other benchmarks' results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.is_file() else {}
    results[name] = {
        "machine": described,
        "rows": [
            {**asdict(row), "median": row.figure.median, "reached": row.reached, "figure": row.figure.rounds}
            for row in rows
        ],
    }
    path.write_text(json.dumps(results, indent=1) + "\n")


def _target(row: Row) -> str:
    if row.at_most is not None:
        return f"at most {_number(row.at_most)}{row.unit}"
    return "" if row.at_least is None else f"at least {_number(row.at_least)}{row.unit}"


def _shown(row: Row, value: float) -> str:
    return f"{_number(value)}{row.unit}"


def _spread(row: Row) -> str:
    figure: Figure = row.figure
    return "" if len(figure.rounds) < 2 else f"{_number(figure.low)} … {_number(figure.high)}"


def _reached(row: Row) -> str:
    return {None: "", True: "yes", False: "no"}[row.reached]


def _number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    names = information.read_text().splitlines() if information.is_file() else []
    return next(
        (line.partition(":")[2].strip() for line in names if line.startswith("model name")), "processor unknown"
    )
