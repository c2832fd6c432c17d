"""What the bot sends: messages to a channel, and replies that only the asker sees."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import discord

from ui.buttons import Action, Press, handlers_of, number_view
from ui.command_texts import CommandMentions
from ui.language import _


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file to upload."""

    path: Path
    name: str
    """ASCII. If it begins with `SPOILER_`, Discord shows the file as a spoiler."""
    description: str
    """Alt text."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message to a channel, without its nonce."""

    content: str | None = None
    """None for a Components V2 message, whose text is in the view."""
    view: discord.ui.View | discord.ui.LayoutView | None = None
    files: tuple[AttachedFile, ...] = ()
    mention: tuple[int, ...] = ()
    """The only people who may be pinged. Roles and everyone never are."""
    silent: bool = False
    suppress_embeds: bool = False
    reply_to: int | None = None
    known_by: str | None = None
    """The custom id by which the message is found in a channel's history; None if it is found by its content."""

    def looks_like(self, other: Message) -> bool:
        """Whether the other message has the same text and buttons."""
        return self.content == other.content and self._components() == other._components()

    def _components(self) -> list[dict[str, Any]]:
        return [] if self.view is None else self.view.to_components()


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an ephemeral message and its buttons. It is sent without any allowed mentions."""

    content: str
    view: discord.ui.View | None = None
    later: Callable[[], Awaitable[Reply]] | None = field(default=None, compare=False)
    """Waits for something that this reply did not wait for, and returns a reply to replace it."""


def reply(content: str, *buttons: tuple[Action, int]) -> Reply:
    """A reply with buttons that still work after a restart."""
    return Reply(content, number_view(*buttons))


def saying(text: str) -> Callable[[], Reply]:
    """Returns a function that replies with `text`, in the language that is current when it is called."""
    return lambda: Reply(_(text))


def saying_with_commands(text: str) -> Callable[[CommandMentions], Reply]:
    """Like `saying`, for a text in which each placeholder is a command, such as `{token_set}`."""
    return lambda mentions: Reply(_(text, **mentions))


OnPress = Callable[[Press], Awaitable[None]]

_LIFETIME = 14 * 60.0
"""Seconds. Discord accepts edits of a reply for 15 minutes."""


class TemporaryView(discord.ui.View):
    """A view with one button that calls `on_press`. The button is removed from the reply after 14 minutes.

    It can keep what may not be in a custom id, such as the id of a job that nobody watches yet.
    """

    def __init__(self, label: str, on_press: OnPress) -> None:
        super().__init__(timeout=_LIFETIME)
        self._on_press = on_press
        self._message: discord.InteractionMessage | None = None
        self._when_over: Callable[[], object] = lambda: None
        button: discord.ui.Button[TemporaryView] = discord.ui.Button(label=label, style=discord.ButtonStyle.secondary)
        button.callback = self._pressed  # type: ignore[method-assign]
        self.add_item(button)

    def attach_to(self, message: discord.InteractionMessage, when_over: Callable[[], object]) -> None:
        """Sets the reply from which `take_off` removes the button. `take_off` also calls `when_over`."""
        self._message = message
        self._when_over = when_over

    async def take_off(self) -> None:
        """Removes the button from the reply, if Discord allows it, and ends the view."""
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
