"""A view for the asker alone whose button lives only as long as the answer can be changed: 14 minutes.

It carries what may not stand in a custom id, such as a job id that nobody has watched yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import aiohttp
import discord

from ui.buttons import Press, handlers_of

OnPress = Callable[[Press], Awaitable[None]]

_LIFETIME = 14 * 60.0
"""Seconds; Discord takes changes of an answer for 15 minutes."""


class PassingView(discord.ui.View):
    """One button that calls `on_press`; when its time has run out it is taken off the answer."""

    def __init__(self, label: str, on_press: OnPress) -> None:
        super().__init__(timeout=_LIFETIME)
        self._on_press = on_press
        self._message: discord.InteractionMessage | None = None
        self._when_over: Callable[[], object] = lambda: None
        button: discord.ui.Button[PassingView] = discord.ui.Button(label=label, style=discord.ButtonStyle.secondary)
        button.callback = self._pressed  # type: ignore[method-assign]
        self.add_item(button)

    def stands_in(self, message: discord.InteractionMessage, when_over: Callable[[], object]) -> None:
        """Tells the view the answer that it belongs to, so that the button can be taken off in time; `when_over` is
        called then."""
        self._message = message
        self._when_over = when_over

    async def take_off(self) -> None:
        """Ends the button's life, and takes it off the answer as far as Discord lets it."""
        message, self._message = self._message, None
        self.stop()
        self._when_over()
        if message is None:
            return
        with contextlib.suppress(discord.HTTPException, aiohttp.ClientError, OSError):
            await message.edit(view=None)

    async def interaction_check(self, interaction: Press, /) -> bool:
        return await handlers_of(interaction).lets_in(interaction)

    async def on_timeout(self) -> None:
        await self.take_off()

    async def _pressed(self, interaction: Press) -> None:
        await self._on_press(interaction)
