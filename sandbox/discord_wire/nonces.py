"""`nonce` with `enforce_nonce`: Discord's memory of what was just sent.

Discord API docs, resources/message, Create Message: a hit returns the earlier message and creates none. Discord doesn't
document how long it remembers ("the past few minutes"); here it can be set.
"""

from __future__ import annotations

from dataclasses import dataclass

from simcord._clock import Clock

Nonce = str | int


@dataclass(frozen=True, slots=True)
class _Sent:
    message_id: int
    at: float


class NonceMemory:
    """Remembers the bot's messages by channel and nonce."""

    def __init__(self, clock: Clock, *, window_s: float = 180.0) -> None:
        self._clock = clock
        self._sent: dict[tuple[int, str], _Sent] = {}
        self.window_s = window_s
        self.in_flight: Nonce | None = None  # of the message being created, for its MESSAGE_CREATE

    def earlier(self, channel_id: int, nonce: Nonce) -> int | None:
        """The id of the message sent under this nonce within the window; it may have been deleted since."""
        sent = self._sent.get((channel_id, str(nonce)))
        if sent is None or self._clock.now().timestamp() - sent.at > self.window_s:
            return None
        return sent.message_id

    def remember(self, channel_id: int, nonce: Nonce, message_id: int) -> None:
        """Note a message that was created."""
        self._sent[channel_id, str(nonce)] = _Sent(message_id, self._clock.now().timestamp())

    def forget(self) -> None:
        """Forget everything, as if the window had ended."""
        self._sent.clear()
