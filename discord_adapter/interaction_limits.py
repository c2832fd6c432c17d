"""Counts every interaction against a rate limit of the person who sent it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from discord import InteractionType

from discord_adapter.interactions import Interaction, Responder
from relay.allowances import Buckets, CommandRate, Refill
from relay.commands.refusals import TooFast
from relay.ports import Clock
from ui.buttons import changes_nothing
from ui.language import language_of, use_language
from ui.refusal_replies import too_fast_reply

TYPING = Refill(burst=60, per_second=3.0)
"""For autocomplete: Discord sends an interaction for each typed letter."""
LOOKING = Refill(burst=30, per_second=1.0)
"""For buttons that only show something, and for submitted forms, whose action has a limit of its own."""


class InteractionLimiter:
    """Lets a person's interactions in until there are too many, counted over all servers.

    Commands, and buttons that change something, count against the command rate. The number of people remembered is
    bounded.
    """

    def __init__(self, responder: Responder, rate: CommandRate, clock: Clock) -> None:
        self._responder = responder
        self._rate = rate
        self._clock = clock
        self._typing: Buckets[int] = Buckets(clock, TYPING)
        self._looking: Buckets[int] = Buckets(clock, LOOKING)

    async def lets_in(self, interaction: Interaction) -> bool:
        """Counts an interaction; returns whether it is let in. If not, the person was sent a reply that says so;
        autocomplete got an empty list.

        Every interaction passes here first. This also sets the language of its task's texts to the person's.
        """
        use_language(language_of(interaction.locale.value))
        try:
            self._count(interaction)
        except TooFast as refusal:
            if interaction.type is InteractionType.autocomplete:
                await self._responder.offer_nothing(interaction)
            else:
                await self._responder.say_at_once(interaction, too_fast_reply(refusal.until))
            return False
        return True

    def _count(self, interaction: Interaction) -> None:
        """Counts the interaction against its limit. Raises TooFast."""
        person = interaction.user.id
        data: Mapping[str, Any] = interaction.data or {}
        match interaction.type:
            case InteractionType.autocomplete:
                self._use(self._typing, person)
            case InteractionType.modal_submit:
                self._use(self._looking, person)
            case InteractionType.component if changes_nothing(data.get("custom_id")):
                self._use(self._looking, person)
            case _:
                self._rate.use(person)

    def _use(self, buckets: Buckets[int], person: int) -> None:
        wait = buckets.wait(person)
        if wait > 0:
            raise TooFast(self._clock.now() + round(wait * 1000))
        buckets.take(person)
