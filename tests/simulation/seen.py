"""In which scene each mutation breaks a law, in one of its first four variants. `power` plays just those."""

from __future__ import annotations

SEEN: dict[str, tuple[str, ...]] = {
    "deliveries.again": ("two quick presses post an outcome twice",),
}
"""By the scene's name."""
