"""A reply's button that lives only as long as the reply can be edited: 14 minutes.

It can carry what may not stand in a custom id, such as a job id that nobody has watched yet.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import aiohttp
import discord

from ui.buttons import Press, handlers_of

OnPress = Callable[[Press], Awaitable[None]]

_LIFETIME = 14 * 60.0
"""Seconds; Discord accepts edits of a reply for 15 minutes."""


class PassingView(discord.ui.View):
    """One button that calls `on_press`; it is removed from the reply when its time is over."""

    def __init__(self, label: str, on_press: OnPress) -> None:
        super().__init__(timeout=_LIFETIME)
        self._on_press = on_press
        self._message: discord.InteractionMessage | None = None
        self._when_over: Callable[[], object] = lambda: None
        button: discord.ui.Button[PassingView] = discord.ui.Button(label=label, style=discord.ButtonStyle.secondary)
        button.callback = self._pressed  # type: ignore[method-assign]
        self.add_item(button)

    def stands_in(self, message: discord.InteractionMessage, when_over: Callable[[], object]) -> None:
        """Sets the reply from which `take_off` removes the button; `when_over` is called then."""
        self._message = message
        self._when_over = when_over

    async def take_off(self) -> None:
        """Removes the button from the reply, if Discord lets it, and ends the view."""
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
