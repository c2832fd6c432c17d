"""How many callbacks were used in which way since the start."""

from __future__ import annotations

from collections import Counter

from relay.ports import HintUse


class HintCounts:
    """The HintMeter of a running bot."""

    def __init__(self) -> None:
        self.by_use: Counter[HintUse] = Counter()

    def callback(self, use: HintUse) -> None:
        """A callback was used in this way."""
        self.by_use[use] += 1
