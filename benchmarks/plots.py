"""Draws curves as SVG files."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl

from benchmarks.results import Curve

mpl.use("svg")
mpl.rcParams["svg.fonttype"] = "none"


def draw(curve: Curve, folder: Path) -> Path:
    """Draws one curve and returns its file."""
    from matplotlib import pyplot

    # The same curve gives the same bytes: no date, and no random ids.
    mpl.rcParams["svg.hashsalt"] = curve.name
    drawing, axes = pyplot.subplots(figsize=(7, 4))
    for line in curve.lines:
        across, up = zip(*line.points, strict=True)
        axes.plot(across, up, "--" if line.dashed else "o-", label=line.label, markersize=4)
    if curve.logarithmic:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(title=curve.title, xlabel=curve.x, ylabel=curve.y)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{curve.name}.svg"
    drawing.tight_layout()
    drawing.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(drawing)
    return path
