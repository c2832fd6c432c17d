"""What the bot may do in the channel where it was asked, and whether one that was chosen is of the same server."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
import discord

from cogs.asking import CannotPostHere, Interaction
from cogs.permissions import is_locked, is_thread, missing_to_post_well
from ui.refusals import foreign_channel_answer, restarting_answer, unseen_channel_answer

_PATIENCE_SECONDS = 10.0


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


async def require_own_channel(interaction: Interaction, channel_id: int) -> None:
    """Raises CannotPostHere for a channel of another server, and for one that Discord does not show the bot.

    Discord's clients offer a server's own channels alone; whoever sends an interaction by hand may name any.
    """
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            guild_id = await interaction.client.channel_owners.guild_of(channel_id)
    except discord.HTTPException as refusal:
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CannotPostHere(unseen_channel_answer()) from refusal
        raise CannotPostHere(restarting_answer()) from refusal
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        raise CannotPostHere(restarting_answer()) from error
    if guild_id != interaction.guild_id:
        raise CannotPostHere(foreign_channel_answer())
