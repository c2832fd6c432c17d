"""Bounds that no code has to look at, since the texts that they hold are the bot's own (see ui.discord_limits)."""

from __future__ import annotations

COMPONENTS = 40
"""Components of a Components V2 message, nested ones counted."""
BUTTON_LABEL = 80
CUSTOM_ID = 100
MODAL_TITLE = 45
MODAL_LABEL = 45
MODAL_DESCRIPTION = 100
MODAL_PLACEHOLDER = 100

STATE = 60
"""Characters of the bold state that every text begins with: our own rule."""
