"""Decides which card may be edited next. Discord limits edits, so there is a queue for each channel and one for all."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

CHANNEL_SECONDS = 2.0
"""Seconds between two edits in one channel."""
EVERYWHERE_SECONDS = 0.04
"""Seconds between two edits anywhere. This leaves half of the 50 requests per second that Discord accepts from a bot
(developer docs, Rate Limits) for outcomes and replies."""


class EditQueue:
    """The queues of cards that wait for an edit. A card keeps its place until `begin` or `leave`. Times are monotonic
    seconds."""

    def __init__(self) -> None:
        self._places: dict[int, dict[Hashable, float]] = {}
        """By channel: when each of its waiting cards may be edited, in the order of the queue."""
        self._channels: dict[Hashable, int] = {}
        """The channel in whose queue each card waits."""
        self._free_at: dict[int, float] = {}
        """When each channel may have its next edit; the channel whose last edit is the oldest comes first."""
        self._in_flight: set[int] = set()
        """Channels with an edit to which Discord has not responded yet."""
        self._all_free_at = 0.0
        self._turns: dict[Hashable, float] = {}

    def take_place(self, key: Hashable, channel_id: int, now: float) -> float:
        """Gives the card a place in the channel's queue, unless it has one, and returns the seconds until its turn.

        A card that reaches the front of the channel's queue gets a place in the queue of all channels, too. To be
        called again after these seconds, because an earlier card may have been edited late.
        """
        places = self._places.setdefault(channel_id, {})
        # Discord may receive the edit in flight only now.
        free_at = now + CHANNEL_SECONDS if channel_id in self._in_flight else self._free_at.get(channel_id, now)
        if key not in places:
            behind = next(reversed(places.values())) + CHANNEL_SECONDS if places else now
            places[key] = max(now, free_at, behind)
            self._channels[key] = channel_id
        # An earlier card may have been edited later than planned.
        place = max(places[key], free_at)
        if place > now:
            return place - now
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = max(now, self._all_free_at)
            self._all_free_at = turn + EVERYWHERE_SECONDS
        return turn - now

    def begin(self, key: Hashable, channel_id: int) -> None:
        """Marks the card's edit as in flight. `end` has to be called after it."""
        self.leave(key)
        self._in_flight.add(channel_id)

    def end(self, channel_id: int, now: float) -> None:
        """Notes that Discord has responded to the channel's edit. The next edit may follow two seconds later: requests
        to a channel wait for each other, so Discord may have received this one only now."""
        self._in_flight.discard(channel_id)
        self._forget_free_channels(now)
        self.pause_channel(channel_id, now + CHANNEL_SECONDS)

    def leave(self, key: Hashable) -> None:
        """Gives up the card's place. If it was the last in the queue, the next card to arrive gets its time."""
        self._turns.pop(key, None)
        channel_id = self._channels.pop(key, None)
        if channel_id is None:
            return
        del self._places[channel_id][key]
        if not self._places[channel_id]:
            del self._places[channel_id]

    def pause_channel(self, channel_id: int, until: float) -> None:
        """Allows no edit in this channel before `until`."""
        self._free_at[channel_id] = max(until, self._free_at.pop(channel_id, until))

    def _forget_free_channels(self, now: float) -> None:
        """Drops up to two channels whose wait is over. Called for each edit."""
        for channel_id in list(islice(self._free_at, 2)):
            if self._free_at[channel_id] <= now:
                del self._free_at[channel_id]
