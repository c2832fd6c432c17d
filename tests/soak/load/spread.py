"""Summarises many durations in a few words."""

from __future__ import annotations

from collections.abc import Sequence


def spread(seconds: Sequence[float]) -> str:
    """The median, the 99th percentile and the maximum."""
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    middle, late = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return f"p50 {middle:.3f} s, p99 {late:.3f} s, longest {ordered[-1]:.3f} s"
