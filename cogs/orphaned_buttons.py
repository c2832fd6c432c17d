"""Buttons that nobody hears any more: those of an answer that was given before the bot was started again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import discord
from discord.ext import commands

from discord_adapter.interactions import Answering, Interaction
from ui.buttons import is_passing
from ui.refusal_replies import left_button_answer

_HEARD_WITHIN = 1.5
"""Seconds in which a button that is heard is answered; Discord takes an answer for three."""


class LeftButtons(commands.Cog):
    """Answers their presses; Discord would say that the interaction failed, and not what to do."""

    def __init__(self, answering: Answering, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._answering = answering
        self._sleep = sleep

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """A press that is still unanswered when it should have been is answered here."""
        if interaction.type is not discord.InteractionType.component:
            return
        data: Mapping[str, Any] = interaction.data or {}
        if not is_passing(data.get("custom_id")):
            return
        await self._sleep(_HEARD_WITHIN)
        if not interaction.response.is_done():
            await self._answering.say_at_once(interaction, left_button_answer())
