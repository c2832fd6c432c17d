"""An answer to the asker alone."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from ui.buttons import Action, number_view


@dataclass(frozen=True, slots=True)
class Answer:
    """The content of an ephemeral message and its buttons. It is sent without any allowed mentions."""

    content: str
    view: discord.ui.View | None = None


def answer(content: str, *buttons: tuple[Action, int]) -> Answer:
    """An answer with buttons that live on after a restart."""
    return Answer(content, number_view(*buttons))
