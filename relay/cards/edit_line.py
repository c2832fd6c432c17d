"""Whose turn it is to be edited: a line for each channel, and one for all of them, as Discord bounds edits."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

CHANNEL_SECONDS = 2.0
"""Between two edits in one channel."""
EVERYWHERE_SECONDS = 0.04
"""Between two edits anywhere: half of the 50 requests a second that Discord takes of one bot (developer docs, Rate
Limits) are left for outcomes and answers."""


class EditLine:
    """Whoever waits keeps its place until its turn has come; times are monotonic seconds."""

    def __init__(self) -> None:
        self._channel_free_at: dict[int, float] = {}
        self._places: dict[Hashable, float] = {}
        self._all_free_at = 0.0
        self._turns: dict[Hashable, float] = {}

    def wait(self, key: Hashable, channel_id: int, now: float) -> float:
        """Seconds until its turn; takes a place in the channel's line, and once that is reached one in everybody's."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = self._take_place(channel_id, now)
        if place > now:
            return place - now
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = max(now, self._all_free_at)
            self._all_free_at = turn + EVERYWHERE_SECONDS
        return turn - now

    def leave(self, key: Hashable) -> None:
        """It was its turn, or it does not want one any more: a place that was not used is of no use later."""
        self._places.pop(key, None)
        self._turns.pop(key, None)

    def hold(self, channel_id: int, until: float) -> None:
        """Nobody gets a place in this channel's line before that time."""
        self._channel_free_at[channel_id] = max(until, self._channel_free_at.pop(channel_id, until))

    def _take_place(self, channel_id: int, now: float) -> float:
        self._forget_free_channels(now)
        place = max(now, self._channel_free_at.pop(channel_id, now))
        self._channel_free_at[channel_id] = place + CHANNEL_SECONDS
        return place

    def _forget_free_channels(self, now: float) -> None:
        """Looks at two channels for each place; the one that was used longest ago stands first."""
        for channel_id in list(islice(self._channel_free_at, 2)):
            if self._channel_free_at[channel_id] <= now:
                del self._channel_free_at[channel_id]
