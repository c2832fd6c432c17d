"""A message to a channel, as the poster sends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import discord


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file as it is to be uploaded."""

    path: Path
    name: str
    """ASCII, with `SPOILER_` in front where the video is to be hidden behind a click."""
    description: str
    """Alt text."""


@dataclass(frozen=True, slots=True)
class Message:
    """Everything of a message but its nonce."""

    content: str | None = None
    """None for a Components V2 message, which holds its text in the view."""
    view: discord.ui.View | discord.ui.LayoutView | None = None
    files: tuple[AttachedFile, ...] = ()
    mention: tuple[int, ...] = ()
    """The people to allow mentions of; nobody and nothing else is to be pinged."""
    silent: bool = False
    suppress_embeds: bool = False
    reply_to: int | None = None
    known_by: str | None = None
    """The custom id by which the message is found in a channel's history; None: by its content."""
