"""Answers with a button that lives only for a while: each is kept in memory until then, so their number is bounded."""

from __future__ import annotations

import discord

from ui.passing import PassingView

MOST_OF_A_PERSON = 3
MOST = 500


class PassingViews:
    """Keeps the latest of each person, and the latest of all: an older one's button is taken off before its time."""

    def __init__(self) -> None:
        self._owners: dict[PassingView, int] = {}
        """The oldest stands first."""

    def __len__(self) -> int:
        return len(self._owners)

    async def keep(self, view: PassingView, message: discord.InteractionMessage, user_id: int) -> None:
        """The view stands in this answer to a person; it is forgotten once its button is taken off."""
        self._owners[view] = user_id
        view.stands_in(message, lambda: self._owners.pop(view, None))
        own = [one for one, owner in self._owners.items() if owner == user_id]
        for old in {*own[:-MOST_OF_A_PERSON], *list(self._owners)[:-MOST]}:
            await old.take_off()
