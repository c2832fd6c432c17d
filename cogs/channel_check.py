"""What the bot may do in the channel where it was asked."""

from __future__ import annotations

from dataclasses import dataclass

from cogs.asking import Interaction
from cogs.permissions import is_locked, is_thread, missing_to_post_well


@dataclass(frozen=True, slots=True)
class ChannelCheck:
    """`missing` names permissions as Discord's settings do."""

    missing: tuple[str, ...]
    locked: bool


def check_channel(interaction: Interaction) -> ChannelCheck:
    """Looks at the channel's overrides too: Discord sends them with every interaction."""
    channel, permissions = interaction.channel, interaction.app_permissions
    missing = missing_to_post_well(permissions, in_thread=is_thread(channel))
    return ChannelCheck(missing, is_locked(channel, permissions))
