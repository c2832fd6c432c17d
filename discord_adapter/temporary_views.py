"""Replies with a temporary button. Each is kept in memory for as long as it lives, so their number is bounded."""

from __future__ import annotations

import discord

from ui.message import TemporaryView

MOST_OF_A_PERSON = 3
MOST = 500


class TemporaryViews:
    """Keeps each person's latest views and the latest of all; the buttons of older ones are removed early."""

    def __init__(self) -> None:
        self._owners: dict[TemporaryView, int] = {}
        """The oldest stands first."""

    def __len__(self) -> int:
        return len(self._owners)

    async def keep(self, view: TemporaryView, message: discord.InteractionMessage, user_id: int) -> None:
        """Keeps a view that is part of this reply until its button is removed."""
        self._owners[view] = user_id
        view.stands_in(message, lambda: self._owners.pop(view, None))
        own = [one for one, owner in self._owners.items() if owner == user_id]
        for old in {*own[:-MOST_OF_A_PERSON], *list(self._owners)[:-MOST]}:
            await old.take_off()
