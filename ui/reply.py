"""A reply to the person who asked, seen by nobody else."""

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
    """Returns the reply that replaces this one later, when something has happened that this one did not wait for."""


def reply(content: str, *buttons: tuple[Action, int]) -> Reply:
    """A reply with buttons that still work after a restart."""
    return Reply(content, number_view(*buttons))
