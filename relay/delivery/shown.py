"""What the outbox tells the cards beside what everybody tells them."""

from __future__ import annotations

from typing import Protocol

from model.messages import CardPost, SummaryPost
from relay.ports import Cards


class ShownCards(Cards, Protocol):
    """The cards, as the outbox sees them."""

    def card_posted(self, post: CardPost) -> None:
        """This card stands in its channel, looking like this."""

    def summary_posted(self, post: SummaryPost) -> None:
        """This summary stands in its channel, looking like this."""
