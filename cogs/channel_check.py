"""What the bot may do in the channel where it was asked."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from cogs.asking import Interaction
from cogs.permissions import is_thread, missing_to_post_well


@dataclass(frozen=True, slots=True)
class ChannelCheck:
    """`missing` names permissions as Discord's settings do."""

    missing: tuple[str, ...]
    locked: bool


def check_channel(interaction: Interaction) -> ChannelCheck:
    """Looks at the channel's overrides too: Discord sends them with every interaction."""
    channel, permissions = interaction.channel, interaction.app_permissions
    locked = isinstance(channel, discord.Thread) and channel.locked and not permissions.manage_threads
    return ChannelCheck(missing_to_post_well(permissions, in_thread=is_thread(channel)), locked)
