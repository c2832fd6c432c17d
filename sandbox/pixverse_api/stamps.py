"""Times as the API writes them. Inside, every time is an integer: milliseconds UTC."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], int]
"""Answers now, in milliseconds UTC."""


def system_clock() -> int:
    """This machine's time."""
    return time.time_ns() // 1_000_000


def iso(moment: int) -> str:
    """`2026-11-24T10:15:00.123Z`, as in `created` and `updated`."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1000:03d}Z"


def discord_iso(moment: int) -> str:
    """`2026-11-24T10:15:14.201000+00:00`, as in `timestamp`, which is Discord's own."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment % 1000:03d}000+00:00"


def compact(moment: int) -> str:
    """`20261124101500123`, as in a job id."""
    return _utc(moment).strftime("%Y%m%d%H%M%S") + f"{moment % 1000:03d}"


def _utc(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // 1000, UTC)
