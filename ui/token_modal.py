"""The private form in which an admin enters an API token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from ui.discord_limits import MODAL_INPUT
from ui.language import _

TOKEN_FORM = "token:form"
"""The form's custom id. A submitted form is recognised only by it, because the form may have been opened before a
restart of the bot, or may be submitted before Discord has confirmed that it was opened."""

_LIFETIME = 15 * 60.0
"""Seconds for which discord.py remembers the form, because Discord does not report when a form is closed."""
_TEXT_INPUT = 4


class TokenModal(discord.ui.Modal):
    """The form. `entered_text` reads the entered text from the interaction that submits it."""

    def __init__(self) -> None:
        super().__init__(title=_("PixVerse API token"), timeout=_LIFETIME, custom_id=TOKEN_FORM)
        token: discord.ui.TextInput[TokenModal] = discord.ui.TextInput(
            style=discord.TextStyle.short, placeholder="user:1234-…", required=True, max_length=MODAL_INPUT
        )
        self.add_item(
            discord.ui.Label(
                text=_("API token from useapi.net"),
                description=_("Stored encrypted, for this server only, used only to read jobs. Never shown again."),
                component=token,
            )
        )


def entered_text(components: Sequence[Mapping[str, Any]]) -> str:
    """The text that was entered into the form, unchanged; empty if there is none.

    Discord sends the text input in a label or in a row (Discord developer docs, Modal Submit Data).
    """
    for component in components:
        if component.get("type") == _TEXT_INPUT:
            return str(component.get("value") or "")
        inner = component.get("components") or [component.get("component") or {}]
        found = entered_text(inner) if inner != [{}] else ""
        if found:
            return found
    return ""
