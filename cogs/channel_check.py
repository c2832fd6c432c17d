"""What the bot may do in the channel where it was asked, and whether one that was chosen is of the same server."""

from __future__ import annotations

from dataclasses import dataclass

from cogs.asking import CannotPostHere, Interaction
from cogs.permissions import is_locked, is_thread, missing_to_post_well
from ui.refusals import foreign_channel_answer


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


def require_own_channel(interaction: Interaction, channel_id: int) -> None:
    """Raises CannotPostHere for a channel of another server. Discord lets nobody choose one, so this is never seen
    where it does what it says."""
    channel = interaction.client.get_channel(channel_id)
    if channel is not None and channel.guild.id != interaction.guild_id:
        raise CannotPostHere(foreign_channel_answer())
