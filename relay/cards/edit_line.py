"""Which card may be edited next: a line for each channel, and one for all of them, as Discord bounds edits."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import islice

CHANNEL_SECONDS = 2.0
"""Between two edits in one channel."""
EVERYWHERE_SECONDS = 0.04
"""Between two edits anywhere: half of the 50 requests a second that Discord takes of one bot (developer docs, Rate
Limits) are left for outcomes and replies."""


class EditLine:
    """A card that waits keeps its place until its turn has come. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._places: dict[int, dict[Hashable, float]] = {}
        """For each channel, in the order of its line, when each card may be edited."""
        self._channels: dict[Hashable, int] = {}
        """In which channel's line each card waits."""
        self._free_at: dict[int, float] = {}
        """When each channel takes its next edit; the channel whose last edit is the oldest comes first."""
        self._in_flight: set[int] = set()
        """Channels with an edit that Discord has not responded to yet."""
        self._all_free_at = 0.0
        self._turns: dict[Hashable, float] = {}

    def wait(self, key: Hashable, channel_id: int, now: float) -> float:
        """Seconds until the card's turn. Takes a place in the channel's line, and once that is reached in the line of
        all channels."""
        places = self._places.setdefault(channel_id, {})
        # An edit in flight may arrive as late as now.
        free_at = now + CHANNEL_SECONDS if channel_id in self._in_flight else self._free_at.get(channel_id, now)
        if key not in places:
            behind = next(reversed(places.values())) + CHANNEL_SECONDS if places else now
            places[key] = max(now, free_at, behind)
            self._channels[key] = channel_id
        # A card before it may have been edited later than its place allowed.
        place = max(places[key], free_at)
        if place > now:
            return place - now
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = max(now, self._all_free_at)
            self._all_free_at = turn + EVERYWHERE_SECONDS
        return turn - now

    def begin(self, key: Hashable, channel_id: int) -> None:
        """The card's edit goes out; `end` has to follow."""
        self.leave(key)
        self._in_flight.add(channel_id)

    def end(self, channel_id: int, now: float) -> None:
        """Discord has responded to the channel's edit. The next one may come two seconds later: Discord may have
        received this one only now, since requests to a channel wait for one another."""
        self._in_flight.discard(channel_id)
        self._forget_free_channels(now)
        self.hold(channel_id, now + CHANNEL_SECONDS)

    def leave(self, key: Hashable) -> None:
        """The card gives up its place. If it was the last in the line, the next card to come gets its time."""
        self._turns.pop(key, None)
        channel_id = self._channels.pop(key, None)
        if channel_id is None:
            return
        del self._places[channel_id][key]
        if not self._places[channel_id]:
            del self._places[channel_id]

    def hold(self, channel_id: int, until: float) -> None:
        """No card of this channel is edited before that time."""
        self._free_at[channel_id] = max(until, self._free_at.pop(channel_id, until))

    def _forget_free_channels(self, now: float) -> None:
        """Looks at two channels for each edit, so that no edit takes long."""
        for channel_id in list(islice(self._free_at, 2)):
            if self._free_at[channel_id] <= now:
                del self._free_at[channel_id]
