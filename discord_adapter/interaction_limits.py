"""The door through which every interaction comes in, and where each is counted against a limit of its person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discord import InteractionType

from discord_adapter.interactions import Answering, Interaction
from relay.allowances import Buckets, Refill
from relay.commands.limits import CommandRate
from relay.commands.refusals import TooFast
from relay.ports import Clock
from ui.buttons import only_looks
from ui.refusal_replies import too_fast_answer

TYPING = Refill(burst=60, per_second=3.0)
"""Autocomplete: one for each letter of somebody who types fast."""
LOOKING = Refill(burst=30, per_second=1.0)
"""Buttons that only look, and forms that are sent in: what those do has a limit of its own."""


class Door:
    """Lets a person's interactions in as long as there are not too many, whichever server they come from.

    Commands, and buttons that do something, are counted by the rate of commands. What is kept of people is bounded.
    """

    def __init__(self, answering: Answering, rate: CommandRate, clock: Clock) -> None:
        self._answering = answering
        self._rate = rate
        self._clock = clock
        self._typing: Buckets[int] = Buckets(clock, TYPING)
        self._looking: Buckets[int] = Buckets(clock, LOOKING)

    async def lets_in(self, interaction: Interaction) -> bool:
        """Counts an interaction. One too many is answered here: autocomplete by an empty list, the others in words."""
        try:
            self._count(interaction)
        except TooFast as refusal:
            if interaction.type is InteractionType.autocomplete:
                await self._answering.offer_nothing(interaction)
            else:
                await self._answering.say_at_once(interaction, too_fast_answer(refusal.until))
            return False
        return True

    def _count(self, interaction: Interaction) -> None:
        """Raises TooFast."""
        person = interaction.user.id
        data: Mapping[str, Any] = interaction.data or {}
        match interaction.type:
            case InteractionType.autocomplete:
                self._use(self._typing, person)
            case InteractionType.modal_submit:
                self._use(self._looking, person)
            case InteractionType.component if only_looks(data.get("custom_id")):
                self._use(self._looking, person)
            case _:
                self._rate.use(person)

    def _use(self, buckets: Buckets[int], person: int) -> None:
        wait = buckets.wait(person)
        if wait > 0:
            raise TooFast(self._clock.now() + round(wait * 1000))
        buckets.take(person)
