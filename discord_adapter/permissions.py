"""Which permissions the bot needs in a channel, by the names that Discord's settings show."""

from __future__ import annotations

import discord

VIEW_CHANNEL = "View Channel"
_NAMES = {
    "view_channel": VIEW_CHANNEL,
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}

INVITE_PERMISSIONS = discord.Permissions(**dict.fromkeys(_NAMES, True))
"""All that the bot ever asks for."""


def missing_to_post(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """What is missing without which nothing at all can be posted."""
    send = "send_messages_in_threads" if in_thread else "send_messages"
    return tuple(_NAMES[name] for name in ("view_channel", send) if not getattr(permissions, name))


def missing_to_post_well(permissions: discord.Permissions, *, in_thread: bool) -> tuple[str, ...]:
    """All that is missing, what only makes results poorer included."""
    rest = tuple(
        _NAMES[name]
        for name in ("attach_files", "embed_links", "read_message_history")
        if not getattr(permissions, name)
    )
    return (*missing_to_post(permissions, in_thread=in_thread), *rest)


def is_locked(channel: object, permissions: discord.Permissions) -> bool:
    """Whether a channel of an interaction is a locked thread, in which nothing can be posted without Manage Threads."""
    return isinstance(channel, discord.Thread) and channel.locked and not permissions.manage_threads


def is_thread(channel: object) -> bool:
    """Whether a channel of an interaction is a thread (a forum's post too)."""
    return isinstance(channel, (discord.Thread, discord.app_commands.AppCommandThread))
