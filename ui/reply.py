"""An answer to the asker alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import discord

from ui.buttons import Action, number_view


@dataclass(frozen=True, slots=True)
class Reply:
    """The content of an ephemeral message and its buttons. It is sent without any allowed mentions."""

    content: str
    view: discord.ui.View | None = None
    later: Callable[[], Awaitable[Reply]] | None = field(default=None, compare=False)
    """What takes its place once something has happened that it does not wait for."""


def reply(content: str, *buttons: tuple[Action, int]) -> Reply:
    """An answer with buttons that live on after a restart."""
    return Reply(content, number_view(*buttons))
