"""A benchmark's results: rows with a target, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure, measured in several rounds."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.rounds)

    @property
    def low(self) -> float:
        return min(self.rounds)

    @property
    def high(self) -> float:
        return max(self.rounds)


@dataclass(frozen=True, slots=True)
class Row:
    """A figure and its target."""

    what: str
    figure: Figure
    unit: str
    """The unit; empty for a ratio."""
    at_most: float | None = None
    at_least: float | None = None
    notes: str = ""
    """How the figure is made, in one line."""

    @property
    def reached(self) -> bool | None:
        """Whether the median reaches the target; None if there is no target."""
        if self.at_most is not None:
            return self.figure.median <= self.at_most
        if self.at_least is not None:
            return self.figure.median >= self.at_least
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot."""

    label: str
    points: tuple[tuple[float, float], ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Curve:
    """A plot. `name` is its file's name."""

    name: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    logarithmic: bool = True


@dataclass(slots=True)
class Result:
    """All results of one benchmark."""

    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)


def figure(rounds: Sequence[float]) -> Figure:
    """The figure of these rounds."""
    return Figure(tuple(rounds))


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """The ratios round by round, so that whatever slows the machine down for a while affects both sides of a ratio."""
    return Figure(tuple(our / their for our, their in zip(ours, theirs, strict=True)))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
