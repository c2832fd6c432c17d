"""Checks what the bot may do in an interaction's channel, and whether a chosen channel belongs to the same server."""

from __future__ import annotations

from dataclasses import dataclass

import discord

from discord_adapter.channels import is_locked, is_thread, missing_to_post_well
from discord_adapter.interactions import Declined, Interaction, missing_here, obstacle_of
from discord_adapter.request_trace import MISSING_ACCESS, DiscordAway, ask_discord, is_refused_with
from model.messages import Obstacle
from ui.refusal_replies import discord_silent_reply, foreign_channel_reply, unseen_channel_reply

_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class ChannelCheck:
    """The result of a check. `missing` has permissions, named as in Discord's settings, or an `Obstacle`."""

    missing: tuple[str, ...]
    locked: bool


async def check_channel(interaction: Interaction) -> ChannelCheck:
    """What is missing in the interaction's channel. Discord sends the bot's permissions, including overwrites, with
    every interaction."""
    channel, permissions = interaction.channel, interaction.app_permissions
    obstacle = obstacle_of(interaction) or await _outside(interaction)
    missing = (obstacle,) if obstacle else missing_to_post_well(permissions, in_thread=is_thread(channel))
    return ChannelCheck(missing, is_locked(channel, permissions))


async def obstacles_here(interaction: Interaction, *, refused: bool) -> tuple[str, ...] | None:
    """What keeps the bot from posting in the interaction's channel; empty if the reason is unknown, None if posting
    works.

    `refused` tells whether Discord refuses messages there.
    """
    outside = await _outside(interaction)
    missing = missing_here(interaction) if outside is None else (outside,)
    return missing if missing or refused else None


async def _outside(interaction: Interaction) -> Obstacle | None:
    """NOT_IN_THREAD if this is a private thread that the bot is not in. Commands work there anyway, and the permissions
    sent with them don't show it."""
    channel = interaction.channel
    private = getattr(channel, "type", None) is discord.ChannelType.private_thread
    if channel is None or not private or interaction.app_permissions.manage_threads:
        return None
    asked = interaction.client.http.get_channel(channel.id)
    return Obstacle.NOT_IN_THREAD if await is_refused_with({MISSING_ACCESS}, asked, _PATIENCE_SECONDS) else None


async def require_own_channel(interaction: Interaction, channel_id: int) -> None:
    """Raises Declined for a channel of another server, and for a channel that Discord does not show the bot.

    Discord's clients offer only channels of the same server, but a handcrafted interaction may name any channel.
    """
    try:
        guild_id = await ask_discord(interaction.client.channel_owners.guild_of(channel_id), _PATIENCE_SECONDS)
    except discord.HTTPException as refusal:
        raise Declined(unseen_channel_reply()) from refusal
    except DiscordAway as away:
        raise Declined(discord_silent_reply()) from away
    if guild_id != interaction.guild_id:
        raise Declined(foreign_channel_reply())
