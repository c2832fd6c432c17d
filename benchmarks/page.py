"""Writes the stored results into `docs/performance.md`, between two markers."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.report import table
from benchmarks.results import Row, figure

_BEGIN, _END = "<!-- figures -->\n", "<!-- end of figures -->"


def fill(page: Path, results: Path) -> None:
    """Writes the table of all stored results, and what each was measured on, into the page.

    Raises ValueError if the page doesn't have both markers.
    """
    kept = json.loads(results.read_text())
    rows = [_row(fields) for one in kept.values() for fields in one["rows"]]
    taken = "\n".join(f"- {name}: {one['machine']}" for name, one in kept.items())
    text = page.read_text()
    before, after = text.index(_BEGIN) + len(_BEGIN), text.index(_END)
    page.write_text(f"{text[:before]}{table(rows)}\n\nMeasured on:\n\n{taken}\n{text[after:]}")


def _row(fields: dict[str, object]) -> Row:
    rounds = fields["figure"]
    at_most, at_least = fields["at_most"], fields["at_least"]
    return Row(
        what=str(fields["what"]),
        figure=figure([float(one) for one in rounds] if isinstance(rounds, list) else []),
        unit=str(fields["unit"]),
        at_most=float(str(at_most)) if at_most is not None else None,
        at_least=float(str(at_least)) if at_least is not None else None,
        notes=str(fields["notes"]),
    )
