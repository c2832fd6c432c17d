"""The private form in which an admin enters an API token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from ui.limits import MODAL_INPUT

OnToken = Callable[[discord.Interaction[Any], str], Awaitable[None]]

_LIFETIME = 15 * 60.0
"""Seconds for which the form can be handed in; Discord does not tell that one was closed."""


class TokenModal(discord.ui.Modal):
    """Calls `on_token` with what was entered, as it was entered."""

    def __init__(self, on_token: OnToken) -> None:
        super().__init__(title="PixVerse API token", timeout=_LIFETIME)
        self._on_token = on_token
        self._token: discord.ui.TextInput[TokenModal] = discord.ui.TextInput(
            style=discord.TextStyle.short, placeholder="user:1234-…", required=True, max_length=MODAL_INPUT
        )
        self.add_item(
            discord.ui.Label(
                text="API token from useapi.net",
                description="Stored encrypted, for this server only, used only to read jobs. Never shown again.",
                component=self._token,
            )
        )

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await self._on_token(interaction, self._token.value)
