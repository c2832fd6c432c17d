"""How many callbacks were used in which way since the start."""

from __future__ import annotations

from collections import Counter

from relay.ports import CallbackUse


class CallbackCounts:
    """The CallbackMeter of a running bot."""

    def __init__(self) -> None:
        self.by_use: Counter[CallbackUse] = Counter()

    def callback(self, use: CallbackUse) -> None:
        """A callback was used in this way."""
        self.by_use[use] += 1
